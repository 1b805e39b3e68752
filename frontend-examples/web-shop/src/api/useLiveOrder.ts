import { useEffect, useEffectEvent } from "react";
import { useQuery } from "urql";
import { OrderQuery } from "../operations/orders";
import { follow } from "./live";

const RETRY_MS = 4000;

/**
 * An order that is pushed as it changes, and asks again by itself for as long as the server says that
 * something can still change. A pushed state only says that there is news: the whole is asked for.
 */
export function useLiveOrder(id: string) {
  const [result, again] = useQuery({ query: OrderQuery, variables: { id }, requestPolicy: "cache-and-network" });
  const { data, error, fetching, operation } = result;
  const order = data?.order;
  const wait = order?.nextPollAfterMs ?? null;
  const open = order != null && wait !== null;

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
