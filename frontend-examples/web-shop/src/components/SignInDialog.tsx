import { useEffect, useRef, useState } from "react";
import { useSession } from "../api/ShopProvider";
import { useI18n } from "../i18n";
import type { MessageKey } from "../i18n/en";
import { Icon } from "./Icon";
import { Logo } from "./Logo";
import { GuestForm, SignInForm, SignUpForm } from "./sessionForms";

const TABS = ["signIn", "signUp", "guest"] as const;
type Tab = (typeof TABS)[number];
const LABELS: Record<Tab, MessageKey> = {
  signIn: "session.signIn",
  signUp: "session.signUp",
  guest: "session.guest",
};
const FORMS = { signIn: SignInForm, signUp: SignUpForm, guest: GuestForm };

/** A native dialog: the browser keeps the focus inside, closes it on Escape and gives the focus back. */
export function SignInDialog() {
  const { t } = useI18n();
  const { dialogOpen, closeDialog } = useSession();
  const [tab, setTab] = useState<Tab>("signIn");
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (dialogOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [dialogOpen]);
  const Form = FORMS[tab];
  return (
    <dialog ref={dialog} className="dialog" aria-label={t(LABELS[tab])} onClose={closeDialog}>
      {dialogOpen && (
        <>
          <div className="dialog-head">
            <Logo />
            <button type="button" className="icon-button" aria-label={t("session.close")} onClick={closeDialog}>
              <Icon name="close" />
            </button>
          </div>
          <Tabs tab={tab} onChoose={setTab} />
          <Form />
        </>
      )}
    </dialog>
  );
}

function Tabs({ tab, onChoose }: { tab: Tab; onChoose(tab: Tab): void }) {
  const { t } = useI18n();
  return (
    <div className="tabs">
      {TABS.map((each) => (
        <button
          key={each}
          type="button"
          aria-pressed={each === tab}
          data-testid={`tab-${each}`}
          onClick={() => onChoose(each)}
        >
          {t(LABELS[each])}
        </button>
      ))}
    </div>
  );
}
