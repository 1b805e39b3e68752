import { useEffect, useRef, useState } from "react";
import { useI18n } from "../i18n";
import { Icon } from "./Icon";

const SHOWN_MS = 2000;

interface CopyValueProps {
  label: string;
  value: string;
  testId?: string;
}

export function CopyValue({ label, value, testId }: CopyValueProps) {
  const { t } = useI18n();
  const [copied, setCopied] = useState(false);
  const code = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!copied) return;
    const timer = window.setTimeout(() => setCopied(false), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // No clipboard on a plain-http address, or not allowed: select it, so that Ctrl+C takes it.
      if (code.current) window.getSelection()?.selectAllChildren(code.current);
    }
  };
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <code ref={code} data-testid={testId}>
          {value}
        </code>
        <button type="button" className="button button-small" onClick={() => void copy()}>
          <Icon name={copied ? "check" : "copy"} size={16} />
          <span aria-live="polite">{t(copied ? "card.copied" : "card.copy")}</span>
          <span className="visually-hidden"> {label}</span>
        </button>
      </dd>
    </div>
  );
}
