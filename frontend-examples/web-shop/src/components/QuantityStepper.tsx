import { useI18n } from "../i18n";
import { Icon } from "./Icon";

interface QuantityStepperProps {
  value: number;
  min: number;
  max: number;
  disabled: boolean;
  onChange(value: number): void;
}

export function QuantityStepper({ value, min, max, disabled, onChange }: QuantityStepperProps) {
  const { t } = useI18n();
  const set = (next: number) => {
    if (Number.isInteger(next)) onChange(Math.min(max, Math.max(min, next)));
  };
  return (
    <div className="quantity">
      <label htmlFor="quantity">{t("product.quantity")}</label>
      <div className="stepper">
        <button type="button" aria-label={t("product.less")} disabled={disabled || value <= min} onClick={() => set(value - 1)}>
          <Icon name="minus" size={18} />
        </button>
        <input
          id="quantity"
          type="number"
          inputMode="numeric"
          value={value}
          min={min}
          max={max}
          disabled={disabled}
          onChange={(event) => set(event.target.valueAsNumber)}
        />
        <button type="button" aria-label={t("product.more")} disabled={disabled || value >= max} onClick={() => set(value + 1)}>
          <Icon name="plus" size={18} />
        </button>
      </div>
      <span className="muted">{t("product.limits", { min, max })}</span>
    </div>
  );
}
