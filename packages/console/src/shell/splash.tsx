// What is seen for the moment until it is known who is logged in.
import { Center } from "@mantine/core";
import { Logo } from "./logo.tsx";

export function Splash() {
  return (
    <Center mih="100dvh" role="status" aria-label="Loading">
      <Logo size={44} />
    </Center>
  );
}
