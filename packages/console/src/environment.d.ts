// What the bundler adds to the language: assets and style sheets as modules.
/// <reference types="vite/client" />
