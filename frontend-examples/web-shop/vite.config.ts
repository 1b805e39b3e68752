import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, process.cwd(), "VITE_");
  return {
    // Relative addresses: the built shop works at the root of an origin and under a folder of it.
    base: "./",
    plugins: [react()],
    server: {
      proxy: { "/graphql": env.VITE_API_ORIGIN ?? "http://127.0.0.1:8000" },
    },
    preview: {
      proxy: { "/graphql": env.VITE_API_ORIGIN ?? "http://127.0.0.1:8000" },
    },
  };
});
