import type { BuyRefusal } from "../api/useBuy";
import type { AccountField, ShopVariant } from "./VariantChooser";

export type Filled = Readonly<Record<string, string>>;

/** What is sent: only what the variant asks for, and only choices that are there. */
export function entriesOf(variant: ShopVariant, filled: Filled): { key: string; value: string }[] {
  return variant.accountFields
    .map((field) => ({ key: field.key, value: valueOf(field, filled) }))
    .filter((entry) => entry.value !== "");
}

const choicesOf = (field: AccountField, filled: Filled) =>
  field.options.filter(({ when }) => when.length === 0 || when.includes(filled[field.dependsOn ?? ""] ?? ""));

function valueOf(field: AccountField, filled: Filled): string {
  const value = filled[field.key] ?? "";
  if (field.kind !== "SELECT") return value.trim();
  return choicesOf(field, filled).some((choice) => choice.value === value) ? value : "";
}

interface AccountFormProps {
  variant: ShopVariant;
  filled: Filled;
  refusals: readonly BuyRefusal[];
  disabled: boolean;
  onChange(filled: Filled): void;
}

/** The server is the judge of what is filled in; this only asks, and shows its answer at the field. */
export function AccountForm({ variant, filled, refusals, disabled, onChange }: AccountFormProps) {
  if (variant.accountFields.length === 0) return null;
  return (
    <fieldset className="account" disabled={disabled}>
      {variant.accountFields.map((field) => (
        <AccountInput
          key={field.key}
          field={field}
          filled={filled}
          fault={refusals.find((each) => each.__typename === "AccountInvalidError" && each.key === field.key)}
          onChange={(value) => onChange({ ...filled, [field.key]: value })}
        />
      ))}
    </fieldset>
  );
}

interface AccountInputProps {
  field: AccountField;
  filled: Filled;
  fault: BuyRefusal | undefined;
  onChange(value: string): void;
}

const TYPES: Partial<Record<AccountField["kind"], string>> = { PHONE: "tel", EMAIL: "email" };

function AccountInput({ field, filled, fault, onChange }: AccountInputProps) {
  const id = `account-${field.key}`;
  const common = {
    id,
    required: field.required,
    "aria-invalid": fault !== undefined,
    "aria-describedby": fault || field.help ? `${id}-help` : undefined,
    "data-testid": id,
  };
  return (
    <div className="account-field">
      <label htmlFor={id}>
        {field.label}
        {field.required && <span aria-hidden="true"> *</span>}
      </label>
      {field.kind === "SELECT" ? (
        <select {...common} value={valueOf(field, filled)} onChange={(event) => onChange(event.target.value)}>
          <option value="" />
          {choicesOf(field, filled).map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type={TYPES[field.kind] ?? "text"}
          inputMode={field.kind === "NUMBER" ? "decimal" : undefined}
          maxLength={field.maxLength ?? 256}
          value={filled[field.key] ?? ""}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {(fault || field.help) && (
        <p id={`${id}-help`} className={fault ? "short" : "muted"} role={fault ? "alert" : undefined}>
          {fault ? fault.message : field.help}
        </p>
      )}
    </div>
  );
}
