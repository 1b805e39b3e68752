import { topLevelCode } from "./client";
import { freshId } from "./identifiers";
import type { CombinedError } from "urql";

/**
 * A purchase whose answer has not arrived. Its key and contents stay together until the server has
 * answered, over reloads too: pressing "buy" again then asks about the same order, never for a second.
 */
export interface Attempt {
  idempotencyKey: string;
  buyer: string;
  sku: string;
  quantity: number;
  expectedUnitPrice: { amount: string; currency: string };
  account: { key: string; value: string }[];
  /** The wallet, or the id of the payment method that was chosen. */
  payWith: string;
}

const KEY = "kameng.attempt";

export function openAttempt(buyer: string, sku: string): Attempt | null {
  const kept = sessionStorage.getItem(KEY);
  if (!kept) return null;
  const attempt = JSON.parse(kept) as Attempt;
  return attempt.buyer === buyer && attempt.sku === sku ? attempt : null;
}

export function startAttempt(wanted: Omit<Attempt, "idempotencyKey">): Attempt {
  const attempt = { ...wanted, idempotencyKey: freshId() };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  return attempt;
}

export const closeAttempt = (): void => sessionStorage.removeItem(KEY);

// Made before anybody looked at the order: nothing was bought by this request, but maybe by an earlier one.
const NOT_NOW = new Set(["BUSY", "SHOP_BUSY"]);

/**
 * Whether it is still unknown what became of the order with this key. `again`: the key was sent before, and
 * what came of that is unknown; only an answer about the order itself settles it.
 */
export function isUnknown(again: boolean, error: CombinedError | undefined, codes: readonly string[]): boolean {
  if (error) return again || mayHaveHappened(error);
  return codes.some((code) => code === "IDEMPOTENCY_IN_PROGRESS" || (again && NOT_NOW.has(code)));
}

function mayHaveHappened(error: CombinedError): boolean {
  const code = topLevelCode(error);
  return error.networkError !== undefined || code === undefined || code === "INTERNAL";
}
