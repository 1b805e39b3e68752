import type { ReactNode } from "react";
import type { CombinedError } from "urql";
import { topLevelCode } from "../api/client";
import { useI18n } from "../i18n";
import type { MessageKey } from "../i18n/en";
import { Icon } from "./Icon";

const KNOWN: Record<string, MessageKey> = {
  UNAUTHENTICATED: "error.UNAUTHENTICATED",
  FORBIDDEN: "error.FORBIDDEN",
  RATE_LIMITED: "error.RATE_LIMITED",
  SHOP_BUSY: "error.SHOP_BUSY",
};

export function Empty({ title, text, children }: { title: string; text?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <svg width="96" height="72" viewBox="0 0 96 72" aria-hidden="true" className="empty-art">
        <rect x="14" y="18" width="58" height="40" rx="7" transform="rotate(-9 43 38)" />
        <rect x="24" y="18" width="58" height="40" rx="7" />
        <path d="M24 30h58M33 46h16" />
      </svg>
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children}
    </div>
  );
}

/** A request that failed as a whole: no connection, or an error of the server. */
export function Failure({ error, onRetry }: { error: CombinedError; onRetry?: () => void }) {
  const { t } = useI18n();
  const code = topLevelCode(error);
  const text = error.networkError ? t("error.network") : t((code && KNOWN[code]) || "error.other");
  return (
    <Notice text={text} code={code}>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          {t("error.retry")}
        </button>
      )}
    </Notice>
  );
}

export interface Refusal {
  code: string;
  message: string;
}

/** What the server refused, in the server's own words and with its stable code. */
export function Refusals({ errors }: { errors: readonly Refusal[] }) {
  return errors.map((error) => <Notice key={error.code + error.message} text={error.message} code={error.code} />);
}

interface NoticeProps {
  text: string;
  code?: string | undefined;
  children?: ReactNode;
}

export function Notice({ text, code, children }: NoticeProps) {
  const { t } = useI18n();
  return (
    <div className="notice notice-error" role="alert">
      <Icon name="alert" />
      <div>
        <p>{text}</p>
        {code && (
          <p className="notice-code">
            {t("error.code")} <code>{code}</code>
          </p>
        )}
        {children}
      </div>
    </div>
  );
}
