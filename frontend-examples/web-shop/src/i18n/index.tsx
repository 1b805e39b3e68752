import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { formatMoney, type Money } from "../money";
import { en, type MessageKey } from "./en";
import { zh } from "./zh";

export type Language = "zh" | "en";

const LOCALES: Record<Language, string> = { zh: "zh-CN", en: "en-GB" };
const DICTIONARIES: Record<Language, Record<MessageKey, string>> = { zh, en };
const KEY = "kameng.language";

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export interface I18n {
  language: Language;
  setLanguage(language: Language): void;
  t(key: MessageKey, values?: Record<string, string | number>): string;
  money(money: Money): string;
  time(iso: string): string;
  date(iso: string): string;
}

const I18nContext = createContext<I18n | null>(null);

export function useI18n(): I18n {
  const i18n = useContext(I18nContext);
  if (!i18n) throw new Error("useI18n is used outside I18nProvider");
  return i18n;
}

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function I18nProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  const locale = LOCALES[language];
  useEffect(() => {
    localStorage.setItem(KEY, language);
    document.documentElement.lang = locale;
    document.title = DICTIONARIES[language]["app.title"];
  }, [language, locale]);
  const i18n = useMemo<I18n>(() => {
    const times = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
    return {
      language,
      setLanguage,
      t: (key, values = {}) => fill(DICTIONARIES[language][key], values),
      money: (money) => formatMoney(money, locale),
      time: (iso) => times.format(new Date(iso)),
      // A date alone has no zone; midday keeps it on its day wherever it is read.
      date: (iso) => dates.format(new Date(`${iso}T12:00:00`)),
    };
  }, [language, locale]);
  return <I18nContext value={i18n}>{children}</I18nContext>;
}
