// Starts the page.
import "./application/no-eval.ts";
import "./application/mantine-styles.ts";
import "./application/tokens.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Application } from "./application/application.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <Application />
  </StrictMode>,
);
