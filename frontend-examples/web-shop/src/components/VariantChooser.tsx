import type { ProductQuery } from "../gql/graphql";
import { useI18n } from "../i18n";
import { StockBadge } from "./StockBadge";

export type ShopProduct = NonNullable<ProductQuery["product"]>;
export type ShopVariant = ShopProduct["variants"][number];
export type AccountField = ShopVariant["accountFields"][number];

interface VariantChooserProps {
  variants: readonly ShopVariant[];
  chosen: ShopVariant | undefined;
  disabled: boolean;
  onChoose(variant: ShopVariant): void;
}

/** Real radio buttons under the cards: arrow keys and screen readers work as everywhere. */
export function VariantChooser({ variants, chosen, disabled, onChoose }: VariantChooserProps) {
  const { t, money } = useI18n();
  return (
    <fieldset className="variants" disabled={disabled}>
      <legend>{t("product.choose")}</legend>
      {variants.map((variant) => (
        <label key={variant.id} className="variant">
          <input
            type="radio"
            name="variant"
            value={variant.sku}
            checked={variant.id === chosen?.id}
            onChange={() => onChoose(variant)}
          />
          <span className="variant-name">{variant.name}</span>
          <span className="variant-price">
            {variant.price ? money(variant.price) : t("price.none")}
            {variant.compareAtPrice && (
              <s>
                <span className="visually-hidden">{t("product.was")} </span>
                {money(variant.compareAtPrice)}
              </s>
            )}
          </span>
          {variant.stockLevel !== "IN_STOCK" && <StockBadge level={variant.stockLevel} />}
        </label>
      ))}
    </fieldset>
  );
}
