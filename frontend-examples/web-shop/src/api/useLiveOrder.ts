import { useEffect } from "react";
import { useQuery } from "urql";
import { OrderQuery } from "../operations/orders";

const RETRY_MS = 4000;

/** An order that asks again by itself for as long as the server says that something can still change. */
export function useLiveOrder(id: string) {
  const [result, again] = useQuery({ query: OrderQuery, variables: { id }, requestPolicy: "cache-and-network" });
  const { data, error, fetching, operation } = result;
  const wait = data?.order?.nextPollAfterMs ?? null;
  useEffect(() => {
    if (wait === null || fetching) return;
    const pause = error ? Math.max(RETRY_MS, wait) : wait;
    const timer = window.setTimeout(() => again({ requestPolicy: "network-only" }), pause);
    return () => window.clearTimeout(timer);
    // `data` and `operation` change with every answer, so that each answer plans the next question.
  }, [wait, error, fetching, data, operation, again]);
  return { order: data?.order, asked: data !== undefined, error, again };
}
