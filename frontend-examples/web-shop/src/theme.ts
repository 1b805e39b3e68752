import { useEffect, useState } from "react";

export type Theme = "light" | "dark";

const KEY = "kameng.theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : null;
}

/** The colours: the system's until the visitor chooses. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [system, setSystem] = useState<Theme>(dark.matches ? "dark" : "light");
  const [choice, setChoice] = useState(chosen);
  useEffect(() => {
    const follow = () => setSystem(dark.matches ? "dark" : "light");
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, []);
  const theme = choice ?? system;
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const choose = (next: Theme) => {
    localStorage.setItem(KEY, next);
    setChoice(next);
  };
  return [theme, choose];
}
