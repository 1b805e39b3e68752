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

// Refusals that do not say what became of the order with this key.
const UNDECIDED = new Set(["IDEMPOTENCY_IN_PROGRESS", "BUSY", "SHOP_BUSY"]);

export const isUndecided = (code: string): boolean => UNDECIDED.has(code);

/** Whether a failed request may nevertheless have placed the order. */
export function mayHaveHappened(error: CombinedError): boolean {
  if (error.networkError) return true;
  const code = topLevelCode(error);
  return code === undefined || code === "INTERNAL" || isUndecided(code);
}
