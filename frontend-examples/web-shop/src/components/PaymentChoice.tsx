import { useQuery } from "urql";
import { type Method, WALLET, wayOf } from "../api/payment";
import { useI18n } from "../i18n";
import { PaymentMethodsQuery } from "../operations/payments";

/** What this browser can pay with at this site. */
export function usePaymentMethods(): readonly Method[] {
  const [{ data }] = useQuery({ query: PaymentMethodsQuery });
  return (data?.paymentMethods ?? []).filter((method) => wayOf(method) !== null);
}

interface PaymentChoiceProps {
  methods: readonly Method[];
  chosen: string;
  disabled: boolean;
  /** Beside the wallet's name; without it the wallet is not offered. */
  wallet?: string | undefined;
  onChoose(id: string): void;
}

export function PaymentChoice({ methods, chosen, disabled, wallet, onChoose }: PaymentChoiceProps) {
  const { t } = useI18n();
  const choices = methods.map((method) => ({ id: method.id, code: method.code, name: method.name, note: "" }));
  if (wallet !== undefined) choices.unshift({ id: WALLET, code: WALLET, name: t("wallet.balance"), note: wallet });
  return (
    <fieldset className="pay-choice" disabled={disabled}>
      <legend>{t("pay.with")}</legend>
      {choices.map((choice) => (
        <label key={choice.id} className="pay-option">
          <input
            type="radio"
            name="pay-with"
            value={choice.id}
            checked={choice.id === chosen}
            data-testid={`pay-with-${choice.code}`}
            onChange={() => onChoose(choice.id)}
          />
          <span>{choice.name}</span>
          {choice.note && <span className="muted">{choice.note}</span>}
        </label>
      ))}
    </fieldset>
  );
}
