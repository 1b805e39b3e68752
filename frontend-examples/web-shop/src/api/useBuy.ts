import { useState } from "react";
import { type CombinedError, useClient } from "urql";
import type { OrderCreateMutation as OrderCreateData } from "../gql/graphql";
import { OrderCreateMutation } from "../operations/orders";
import { type Attempt, closeAttempt, isUnknown, openAttempt, startAttempt } from "./attempt";
import { waitMs } from "./client";
import { WALLET } from "./payment";
import { useSecondsUntil } from "./useSecondsUntil";

export type BuyRefusal = OrderCreateData["orderCreate"]["userErrors"][number];

export interface Buying {
  /** A purchase that has no answer yet: only this same one may be sent again. */
  open: Attempt | null;
  working: boolean;
  /** So many seconds the server asks to wait before the next try. */
  wait: number;
  refusals: readonly BuyRefusal[];
  error: CombinedError | undefined;
  buy(wanted: Omit<Attempt, "idempotencyKey" | "buyer">): Promise<string | null>;
}

interface Outcome {
  refusals: readonly BuyRefusal[];
  error: CombinedError | undefined;
}

const NOTHING: Outcome = { refusals: [], error: undefined };
// What a purchase may change on screen: the document cache asks again for answers that hold these.
const CHANGES = { additionalTypenames: ["Order", "Wallet", "Variant"] };

export function useBuy(buyer: string | undefined, sku: string | undefined): Buying {
  const client = useClient();
  const [working, setWorking] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>(NOTHING);
  const [nextAt, setNextAt] = useState(0);
  const wait = useSecondsUntil(nextAt);
  const open = buyer && sku ? openAttempt(buyer, sku) : null;

  const buy: Buying["buy"] = async (wanted) => {
    if (!buyer) return null;
    const attempt = open ?? startAttempt({ ...wanted, buyer });
    const { idempotencyKey, buyer: _, payWith, ...line } = attempt;
    const input = { idempotencyKey, payByChannel: payWith !== WALLET, lines: [line] };
    setWorking(true);
    setOutcome(NOTHING);
    const { data, error } = await client
      .mutation(OrderCreateMutation, { input }, CHANGES)
      .toPromise();
    const payload = data?.orderCreate;
    const refusals = payload?.userErrors ?? [];
    if (!isUnknown(open !== null, error, refusals.map((each) => each.code))) closeAttempt();
    setNextAt(Date.now() + Math.max(waitMs(error), ...refusals.map(secondsOf).map((each) => each * 1000)));
    setOutcome({ refusals, error });
    setWorking(false);
    return payload?.order?.id ?? null;
  };
  return { open, working, wait, ...outcome, buy };
}

const secondsOf = (refusal: BuyRefusal): number =>
  refusal.__typename === "RetryLaterError" ? refusal.retryAfter : 0;
