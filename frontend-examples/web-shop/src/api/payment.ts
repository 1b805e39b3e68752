import type { PaymentMethodsQuery as MethodsData, PaymentWay } from "../gql/graphql";
import { freshId } from "./identifiers";

export type Method = MethodsData["paymentMethods"][number];

/** The wallet, or the id of a payment method. */
export const WALLET = "wallet";

const isPhone = (): boolean => /Android|iPhone|iPad|HarmonyOS/i.test(navigator.userAgent);

/**
 * How a method is paid in this browser. Payments inside WeChat's or Alipay's own program need their
 * script and the buyer's number there: a mini-program asks for them, a web page does not.
 */
export function wayOf(method: Method): PaymentWay | null {
  const wanted: PaymentWay[] = isPhone() ? ["MOBILE_PAGE", "PAGE", "QR"] : ["PAGE", "QR", "MOBILE_PAGE"];
  return wanted.find((way) => method.ways.includes(way)) ?? null;
}

const LAST_KEY = "kameng.payWith";

/** The method that this tab began a payment with last. */
export const lastMethod = (): string | null => sessionStorage.getItem(LAST_KEY);

export const rememberMethod = (id: string): void => sessionStorage.setItem(LAST_KEY, id);

// One begun payment, one key: a lost answer is asked for again, over a reload too, and never begins a
// second payment. A refused key is dropped, since its answer would stay the same for ever.
const keyName = (order: string, method: string, way: PaymentWay): string =>
  `kameng.payment.${order}.${method}.${way}`;

export function paymentKey(order: string, method: string, way: PaymentWay): string {
  const name = keyName(order, method, way);
  const kept = sessionStorage.getItem(name);
  if (kept) return kept;
  const made = freshId();
  sessionStorage.setItem(name, made);
  return made;
}

export const dropPaymentKey = (order: string, method: string, way: PaymentWay): void =>
  sessionStorage.removeItem(keyName(order, method, way));
