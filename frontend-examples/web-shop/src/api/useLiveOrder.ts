import { useEffect, useEffectEvent } from "react";
import { useQuery } from "urql";
import { OrderQuery } from "../operations/orders";
import { follow } from "./live";

const RETRY_MS = 4000;
// A case about a delivered order is decided by people: there is time.
const CASE_MS = 30_000;
const UNDECIDED = new Set(["OPEN", "CHECKING", "APPEALED"]);

/**
 * An order that is pushed as it changes, and asks again by itself for as long as the server says that
 * something can still change. A pushed state only says that there is news: the whole is asked for.
 */
export function useLiveOrder(id: string) {
  const [result, again] = useQuery({ query: OrderQuery, variables: { id }, requestPolicy: "cache-and-network" });
  const { data, error, fetching, operation } = result;
  const order = data?.order;
  const inQuestion = order?.disputes.some((each) => UNDECIDED.has(each.state));
  const wait = order?.nextPollAfterMs ?? (inQuestion ? CASE_MS : null);
  const open = order?.nextPollAfterMs != null;

  const onVersion = useEffectEvent((version: number) => {
    if (version > (order?.version ?? 0)) again({ requestPolicy: "network-only" });
  });
  useEffect(() => (open ? follow(id, onVersion) : undefined), [id, open]);

  useEffect(() => {
    if (wait === null || fetching) return;
    const pause = error ? Math.max(RETRY_MS, wait) : wait;
    const timer = window.setTimeout(() => again({ requestPolicy: "network-only" }), pause);
    return () => window.clearTimeout(timer);
    // `data` and `operation` change with every answer, so that each answer plans the next question.
  }, [wait, error, fetching, data, operation, again]);
  return { order, asked: data !== undefined, error, again };
}
