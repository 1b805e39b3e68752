import { useEffect, useRef, useState } from "react";
import { useI18n } from "../i18n";
import { Icon } from "./Icon";

const PAUSE_MS = 300;

/** Searches while typing, after a pause; Enter searches at once. */
export function SearchBox({ value, onSearch }: { value: string; onSearch(query: string): void }) {
  const { t } = useI18n();
  const [text, setText] = useState(value);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => setText(value), [value]);
  useEffect(() => () => window.clearTimeout(timer.current), []);

  const search = (query: string) => {
    window.clearTimeout(timer.current);
    onSearch(query.trim());
  };
  const type = (query: string) => {
    setText(query);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => search(query), PAUSE_MS);
  };
  return (
    <form
      role="search"
      className="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(text);
      }}
    >
      <Icon name="search" />
      <input
        type="search"
        value={text}
        maxLength={80}
        aria-label={t("search.label")}
        placeholder={t("search.placeholder")}
        data-testid="search"
        onChange={(event) => type(event.target.value)}
      />
      {text && (
        <button
          type="button"
          className="search-clear"
          aria-label={t("search.clear")}
          onClick={() => {
            setText("");
            search("");
          }}
        >
          <Icon name="close" size={16} />
        </button>
      )}
    </form>
  );
}
