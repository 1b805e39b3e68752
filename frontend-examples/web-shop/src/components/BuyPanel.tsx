import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { type Method, WALLET } from "../api/payment";
import { useSession, type Viewer } from "../api/ShopProvider";
import { useBuy } from "../api/useBuy";
import { useI18n } from "../i18n";
import { isLess, type Money, times } from "../money";
import { AccountForm, entriesOf, type Filled } from "./AccountForm";
import { BuyAnswer } from "./BuyAnswer";
import { Icon } from "./Icon";
import { PaymentChoice, usePaymentMethods } from "./PaymentChoice";
import { QuantityStepper } from "./QuantityStepper";
import { type ShopProduct, type ShopVariant, VariantChooser } from "./VariantChooser";

const sellable = (variant: ShopVariant): boolean => variant.stockLevel !== "OUT" && variant.price != null;

/** The choice lives in the address: it survives signing in and a reload, and can be sent to a friend. */
function useChoice(product: ShopProduct) {
  const [params, setParams] = useSearchParams();
  const variant =
    product.variants.find((each) => each.sku === params.get("sku")) ??
    product.variants.find(sellable) ??
    product.variants[0];
  const wanted = Number.parseInt(params.get("n") ?? "", 10);
  const [min, max] = [variant?.minQuantity ?? 1, variant?.maxQuantity ?? 1];
  const quantity = Math.min(max, Math.max(min, Number.isNaN(wanted) ? min : wanted));
  const choose = (sku: string, count: number) =>
    setParams({ sku, n: String(count) }, { replace: true, preventScrollReset: true });
  return { variant, quantity, choose };
}

export function BuyPanel({ product, onStale }: { product: ShopProduct; onStale(): void }) {
  const { viewer, openDialog } = useSession();
  const { money } = useI18n();
  const navigate = useNavigate();
  const choice = useChoice(product);
  const { variant } = choice;
  const buying = useBuy(viewer?.id, variant?.sku);
  const [filled, setFilled] = useState<Filled>({});
  const methods = usePaymentMethods();
  const [wanted, setWanted] = useState<string | null>(null);
  if (!variant) return null;
  const quantity = buying.open?.quantity ?? choice.quantity;
  const price = buying.open?.expectedUnitPrice ?? variant.price;
  const locked = buying.working || buying.open !== null;
  const total = price && times(price, quantity);
  const payWith = buying.open?.payWith ?? wanted ?? usual(viewer, total, methods);

  const buy = async () => {
    if (!price) return;
    const { amount, currency } = price;
    const account = entriesOf(variant, filled);
    const order = await buying.buy({
      sku: variant.sku,
      quantity,
      expectedUnitPrice: { amount, currency },
      account,
      payWith,
    });
    if (order) navigate(`/orders/${encodeURIComponent(order)}`, { state: { payWith } });
    else onStale();
  };
  return (
    <div className="buy">
      <VariantChooser
        variants={product.variants}
        chosen={variant}
        disabled={locked}
        onChoose={(next) => choice.choose(next.sku, choice.quantity)}
      />
      <Facts variant={variant} />
      <QuantityStepper
        value={quantity}
        min={variant.minQuantity}
        max={variant.maxQuantity}
        disabled={locked}
        onChange={(count) => choice.choose(variant.sku, count)}
      />
      <AccountForm
        variant={variant}
        filled={filled}
        refusals={buying.refusals}
        disabled={locked}
        onChange={setFilled}
      />
      {total && <Total total={total} short={payWith === WALLET} />}
      {viewer && methods.length > 0 && (
        <PaymentChoice
          methods={methods}
          chosen={payWith}
          disabled={locked}
          wallet={money(viewer.wallet.available)}
          onChoose={setWanted}
        />
      )}
      <BuyAnswer buying={buying} />
      <BuyButton
        signedIn={viewer !== null}
        sellable={sellable(variant) || buying.open !== null}
        retry={buying.open !== null}
        working={buying.working}
        wait={buying.wait}
        onPress={() => (viewer ? void buy() : openDialog())}
      />
    </div>
  );
}

function Facts({ variant }: { variant: ShopVariant }) {
  const { t, money } = useI18n();
  return (
    <ul className="facts">
      <li>
        <Icon name="bolt" size={18} /> {t(`kind.${variant.deliveryKind}`)}
      </li>
      {variant.faceValue && (
        <li>
          <Icon name="wallet" size={18} /> {t("product.face", { amount: money(variant.faceValue) })}
        </li>
      )}
    </ul>
  );
}

/** The wallet while it holds enough; else what the shop offers first. */
function usual(viewer: Viewer | null, total: Money | null | undefined, methods: readonly Method[]): string {
  const short = viewer && total && isLess(viewer.wallet.available, total);
  return (short && methods[0]?.id) || WALLET;
}

function Total({ total, short }: { total: Money; short: boolean }) {
  const { t, money } = useI18n();
  const { viewer } = useSession();
  const available = viewer?.wallet.available;
  return (
    <div className="total">
      <p className="total-row" aria-live="polite">
        <span>{t("product.total")}</span>
        <strong data-testid="total">{money(total)}</strong>
      </p>
      {available && <p className="muted">{t("product.balance", { amount: money(available) })}</p>}
      {short && available && isLess(available, total) && <p className="short">{t("product.balanceShort")}</p>}
    </div>
  );
}

interface BuyButtonProps {
  signedIn: boolean;
  sellable: boolean;
  retry: boolean;
  working: boolean;
  wait: number;
  onPress(): void;
}

function BuyButton({ signedIn, sellable, retry, working, wait, onPress }: BuyButtonProps) {
  const { t } = useI18n();
  const label = () => {
    if (working) return t("product.buying");
    if (!sellable) return t("stock.OUT");
    if (!signedIn) return t("product.signIn");
    if (wait > 0) return t("buy.wait", { seconds: wait });
    return t(retry ? "buy.retry" : "product.buy");
  };
  return (
    <button
      type="button"
      className="button button-primary button-wide button-tall"
      disabled={working || wait > 0 || !sellable}
      data-testid="buy"
      onClick={onPress}
    >
      {label()}
    </button>
  );
}
