import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, process.cwd(), "VITE_");
  const api = env.VITE_API_ORIGIN ?? "http://127.0.0.1:8000";
  const proxy = { "/graphql": api, "/evidence": api };
  return {
    // Relative addresses: the built shop works at the root of an origin and under a folder of it.
    base: "./",
    plugins: [react()],
    server: { proxy },
    preview: { proxy },
  };
});
