// Money is a decimal string at the API. Sums are made in whole units of 1/10000, never in floats.
const SCALE = 4;
const UNIT = 10n ** BigInt(SCALE);

export interface Money {
  amount: string;
  currency: string;
}

export function toUnits(amount: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,4}))?$/.exec(amount);
  if (!match) throw new RangeError(`not an amount of money: ${amount}`);
  const units = BigInt(match[2] ?? "0") * UNIT + BigInt((match[3] ?? "").padEnd(SCALE, "0"));
  return match[1] ? -units : units;
}

export function fromUnits(units: bigint): string {
  const size = units < 0n ? -units : units;
  const fraction = (size % UNIT).toString().padStart(SCALE, "0");
  return `${units < 0n ? "-" : ""}${size / UNIT}.${fraction}`;
}

export const times = (price: Money, quantity: number): Money => ({
  amount: fromUnits(toUnits(price.amount) * BigInt(quantity)),
  currency: price.currency,
});

export const isLess = (left: Money, right: Money): boolean =>
  left.currency === right.currency && toUnits(left.amount) < toUnits(right.amount);

export function formatMoney(money: Money, locale: string): string {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: money.currency,
    currencyDisplay: money.currency === "CNY" ? "narrowSymbol" : "symbol",
    maximumFractionDigits: SCALE,
  });
  // A decimal string is formatted exactly; a number would pass through a float.
  return format.format(money.amount as Intl.StringNumericLiteral);
}

export function cheapest(prices: readonly (Money | null | undefined)[]): Money | null {
  const known = prices.filter((price) => price != null);
  return known.reduce<Money | null>((low, price) => (low && !isLess(price, low) ? low : price), null);
}
