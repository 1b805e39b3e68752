import { Link, useLocation, useNavigate, useSearchParams } from "react-router";
import { useSession } from "../api/ShopProvider";
import { useI18n } from "../i18n";
import { useTheme } from "../theme";
import { AccountMenu } from "./AccountMenu";
import { Icon } from "./Icon";
import { Logo } from "./Logo";
import { SearchBox } from "./SearchBox";

export function Header() {
  const { t } = useI18n();
  const { viewer } = useSession();
  return (
    <header className="header">
      <div className="page header-row">
        <Link to="/" className="brand">
          <Logo />
          <span className="brand-name">{t("app.title")}</span>
        </Link>
        <Search />
        <nav className="header-nav" aria-label={t("nav.account")}>
          <LanguageButton />
          <ThemeButton />
          {viewer && (
            <Link to="/orders" className="icon-button" title={t("nav.orders")} aria-label={t("nav.orders")}>
              <Icon name="orders" />
            </Link>
          )}
          <AccountMenu />
        </nav>
      </div>
    </header>
  );
}

function Search() {
  const [params] = useSearchParams();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const onHome = pathname === "/";
  const search = (query: string) => {
    navigate(query ? `/?q=${encodeURIComponent(query)}` : "/", { replace: onHome });
  };
  return <SearchBox value={onHome ? (params.get("q") ?? "") : ""} onSearch={search} />;
}

function LanguageButton() {
  const { t, language, setLanguage } = useI18n();
  return (
    <button
      type="button"
      className="icon-button text-button"
      aria-label={`${t("lang.label")}: ${t("lang.switch")}`}
      data-testid="language"
      onClick={() => setLanguage(language === "zh" ? "en" : "zh")}
    >
      {t("lang.switch")}
    </button>
  );
}

function ThemeButton() {
  const { t } = useI18n();
  const [theme, choose] = useTheme();
  const next = theme === "dark" ? "light" : "dark";
  const label = t(next === "dark" ? "theme.dark" : "theme.light");
  return (
    <button type="button" className="icon-button" title={label} aria-label={label} onClick={() => choose(next)}>
      <Icon name={next === "dark" ? "moon" : "sun"} />
    </button>
  );
}
