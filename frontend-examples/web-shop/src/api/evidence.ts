import type { Client } from "urql";
import type { Refusal } from "../components/states";
import { EvidenceAddMutation } from "../operations/aftersale";

/** What the shop takes as evidence; it looks at the content, not at this. */
export const EVIDENCE_TYPES = "image/png,image/jpeg,image/webp,application/pdf";

/** Lays one file before the shop; what was refused, or nothing. */
export async function sendEvidence(client: Client, disputeId: string, file: File): Promise<readonly Refusal[]> {
  const { data, error } = await client
    .mutation(EvidenceAddMutation, { input: { disputeId, name: file.name } })
    .toPromise();
  if (error) return [{ code: "INTERNAL", message: error.message }];
  const door = data?.orderDisputeEvidenceAdd.door;
  if (!door) return data?.orderDisputeEvidenceAdd.userErrors ?? [];
  const shop = new URL(import.meta.env.VITE_SHOP_ENDPOINT ?? "/", window.location.href);
  const answer = await fetch(new URL(door.url, shop), {
    method: door.method,
    headers: { Authorization: door.authorization, "Accept-Language": document.documentElement.lang },
    body: file,
  });
  if (answer.ok) return [];
  const body = (await answer.json()) as { error: Refusal };
  return [body.error];
}
