import { useNavigate } from "react-router";
import { useSession } from "../api/ShopProvider";
import { useI18n } from "../i18n";
import { Icon } from "./Icon";

export function AccountMenu() {
  const { t, money } = useI18n();
  const { viewer, pending, openDialog, end } = useSession();
  const navigate = useNavigate();
  if (pending) return <span className="skeleton account-skeleton" aria-hidden="true" />;
  if (!viewer) {
    return (
      <button type="button" className="button button-primary" data-testid="sign-in" onClick={openDialog}>
        {t("session.signIn")}
      </button>
    );
  }
  const name = viewer.guest ? t("session.hello") : viewer.displayName || viewer.login;
  return (
    <>
      <span className="wallet" title={t("wallet.balance")}>
        <Icon name="wallet" size={18} />
        <span className="visually-hidden">{t("wallet.balance")}</span>
        <span data-testid="wallet" data-amount={viewer.wallet.available.amount}>
          {money(viewer.wallet.available)}
        </span>
      </span>
      <span className="account-name" data-testid="account">
        {name}
      </span>
      <button
        type="button"
        className="icon-button"
        title={t("session.signOut")}
        aria-label={t("session.signOut")}
        onClick={() => void end().then(() => navigate("/"))}
      >
        <Icon name="out" />
      </button>
    </>
  );
}
