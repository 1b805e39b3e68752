import { useSession } from "../api/ShopProvider";
import { useI18n } from "../i18n";
import { Empty } from "./states";

export function SignInFirst() {
  const { t } = useI18n();
  const { openDialog } = useSession();
  return (
    <Empty title={t("session.needed")} text={t("session.neededText")}>
      <button type="button" className="button button-primary" onClick={openDialog}>
        {t("session.signIn")}
      </button>
    </Empty>
  );
}
