import { useState } from "react";
import { type CombinedError, useClient } from "urql";
import type { PaymentStartMutation as StartData } from "../gql/graphql";
import { PaymentStartMutation } from "../operations/payments";
import { dropPaymentKey, type Method, paymentKey, rememberMethod, wayOf } from "./payment";

type Payload = StartData["paymentStart"];

export interface Paying {
  working: boolean;
  /** The browser is on its way to the vendor's page. */
  leaving: boolean;
  /** What a phone has to scan. */
  code: { method: string; content: string } | null;
  refusals: Payload["userErrors"];
  error: CombinedError | undefined;
  start(method: Method): Promise<void>;
}

interface Outcome {
  refusals: Payload["userErrors"];
  error: CombinedError | undefined;
  code: Paying["code"];
  leaving: boolean;
}

const NOTHING: Outcome = { refusals: [], error: undefined, code: null, leaving: false };
// After these the same key asks about the same payment; after any other refusal it is used up.
const UNDECIDED = new Set(["PAYMENT_UNCERTAIN", "IDEMPOTENCY_IN_PROGRESS", "BUSY", "RATE_LIMITED"]);

/** Begins the payment of an order, and leads the buyer where it is paid. */
export function usePayment(orderId: string): Paying {
  const client = useClient();
  const [working, setWorking] = useState(false);
  const [outcome, setOutcome] = useState(NOTHING);

  const start = async (method: Method) => {
    const way = wayOf(method);
    if (!way) return;
    rememberMethod(method.id);
    setWorking(true);
    setOutcome(NOTHING);
    const input = {
      orderId,
      methodId: method.id,
      way,
      returnUrl: window.location.href,
      idempotencyKey: paymentKey(orderId, method.id, way),
    };
    const { data, error } = await client.mutation(PaymentStartMutation, { input }).toPromise();
    const payload = data?.paymentStart;
    const refusals = payload?.userErrors ?? [];
    if (refusals.some((each) => !UNDECIDED.has(each.code))) dropPaymentKey(orderId, method.id, way);
    const action = payload?.action;
    const code = action?.__typename === "QrCodeAction" ? { method: method.id, content: action.content } : null;
    const leaving = action?.__typename === "RedirectAction" && isWebAddress(action.url);
    setOutcome({ refusals, error, code, leaving });
    setWorking(false);
    if (leaving) window.location.assign(action.url);
  };
  return { working, ...outcome, start };
}

/** Nothing but a web page is gone to, whatever the answer says. */
function isWebAddress(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}
