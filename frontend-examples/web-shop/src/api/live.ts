import { accessToken } from "./tokens";

const QUERY = `subscription Follow($id: ID!) {
  orderUpdated(id: $id) { id status version nextPollAfterMs }
}`;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

interface Followed {
  version: number;
}

/**
 * Tells each newer version of an order as it comes (server-sent events), until the order is through or
 * `stop` is called. A stream that breaks is opened again, after a growing pause; who follows also polls.
 */
export function follow(orderId: string, onVersion: (version: number) => void): () => void {
  const stopped = new AbortController();
  void (async () => {
    for (let pause = FIRST_PAUSE_MS; !stopped.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const completed = await listen(orderId, onVersion, stopped.signal).catch(() => false);
      if (completed) return;
      await sleep(pause * (0.5 + Math.random()), stopped.signal);
    }
  })();
  return () => stopped.abort();
}

/** One stream; whether the server has said that nothing more will come. */
async function listen(orderId: string, onVersion: (version: number) => void, signal: AbortSignal): Promise<boolean> {
  const token = accessToken();
  const response = await fetch(import.meta.env.VITE_SHOP_ENDPOINT ?? "/graphql/shop", {
    method: "POST",
    signal,
    headers: {
      "Content-Type": "application/json",
      Accept: "text/event-stream",
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: QUERY, variables: { id: orderId } }),
  });
  if (!response.ok || !response.body) return false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    const blocks = (unread + value).replaceAll("\r\n", "\n").split("\n\n");
    unread = blocks.pop() ?? "";
    for (const block of blocks) {
      const { event, data } = parsed(block);
      if (event === "complete") return true;
      const followed = event === "next" && data ? versionIn(data) : null;
      if (followed) onVersion(followed.version);
    }
  }
}

function parsed(block: string): { event: string; data: string } {
  const lines = block.split("\n");
  const of = (name: string): string =>
    lines
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trimStart())
      .join("\n");
  return { event: of("event"), data: of("data") };
}

function versionIn(data: string): Followed | null {
  const answer = JSON.parse(data) as { data?: { orderUpdated?: Followed | null } | null };
  return answer.data?.orderUpdated ?? null;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = window.setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (window.clearTimeout(timer), resolve()), { once: true });
  });
}
