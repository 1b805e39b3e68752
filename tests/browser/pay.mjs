// Pays on the sandbox gateway's page, as a buyer would:
//   node pay.mjs PAGE_URL path/for/screenshots
// Exit code 0 means: the page said that it is paid.
import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";

const [url, shots] = process.argv.slice(2);
if (!url || !shots) {
  console.error("usage: node pay.mjs PAGE_URL SCREENSHOT_FOLDER");
  process.exit(2);
}
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Containers that run as root have no user namespaces for the sandbox.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
try {
  const page = await browser.newPage({ locale: "en-GB", viewport: { width: 900, height: 900 } });
  page.setDefaultTimeout(20_000);
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(url);
  assert.equal(await page.getByTestId("state").getAttribute("data-state"), "pending");
  await page.screenshot({ path: path.join(shots, "pay-1.png") });
  await page.getByTestId("pay").click();
  await page.locator('[data-testid="state"][data-state="paid"]').waitFor();
  await page.screenshot({ path: path.join(shots, "pay-2.png") });
  assert.deepEqual(faults, [], "the page threw errors");
  console.log("paid");
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
