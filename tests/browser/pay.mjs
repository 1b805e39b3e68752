// Buys in the running shop and pays through a channel, as visitors would:
//   node pay.mjs path/to/demo.json path/for/screenshots
// A guest is sent to the sandbox's page and back; a buyer scans a WeChat Pay code with "a phone", a
// second page; an order is cancelled. Exit code 0 means: both were delivered while the page was open.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const [demoFile, shotsFolder] = process.argv.slice(2);
if (!demoFile || !shotsFolder) {
  console.error("usage: node pay.mjs DEMO_JSON SCREENSHOT_FOLDER");
  process.exit(2);
}
const { shop, buyer } = JSON.parse(readFileSync(demoFile, "utf8"));
mkdirSync(shotsFolder, { recursive: true });

const WAIT_MS = 30_000;
const status = (wanted) => `[data-testid="order-status"][data-status="${wanted}"]`;

async function asGuest(page) {
  await page.getByTestId("sign-in").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByTestId("tab-guest").click();
  await dialog.getByTestId("session-submit").click();
  await page.getByTestId("wallet").waitFor();
}

async function asBuyer(page) {
  await page.getByTestId("sign-in").click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[name=login]").fill(buyer.login);
  await dialog.locator("input[name=password]").fill(buyer.password);
  await dialog.getByTestId("session-submit").click();
  await page.getByTestId("wallet").waitFor();
}

async function openCard(page) {
  await page.getByTestId("search").fill("steam");
  await page.waitForURL(/q=steam/);
  const found = page.locator('[data-testid="product"]:not(.product-out)').filter({ hasText: /steam/i });
  await found.first().click();
  await page.getByTestId("buy").waitFor();
}

/** Chooses how to pay, and buys. */
async function buyWith(page, method) {
  await openCard(page);
  await page.getByTestId(`pay-with-${method}`).check();
  await page.getByTestId("buy").click();
}

/** A wallet that holds nothing: the shop proposes the channel that it offers first, by itself. */
async function guestIsSentToThePageAndBack(page, shot) {
  await page.goto(new URL("/", shop).href);
  await asGuest(page);
  await openCard(page);
  assert.ok(await page.getByTestId("pay-with-sandbox").isChecked(), "the empty wallet was proposed");
  await shot("pay-1-choice");
  await page.getByTestId("buy").click();
  await page.locator('[data-testid="state"][data-state="pending"]').waitFor();
  await shot("pay-2-vendor");
  await page.goBack();
  await page.waitForSelector(status("PENDING_PAYMENT"));
  await page.getByTestId("pay-now").waitFor();
  await shot("pay-3-unpaid");
  assert.match(page.url(), /#\/orders\//, "going back led to the vendor again");
  await page.getByTestId("pay-now").click();
  await page.getByTestId("pay").click();
  await page.waitForSelector(status("DELIVERED"));
  await page.getByTestId("reveal").click();
  const secret = (await page.getByTestId("secret").first().innerText()).trim();
  assert.ok(secret.length >= 4 && !secret.includes("*"), "no readable code was shown");
  await shot("pay-4-delivered");
}

/** The page of the order is not touched after the code is shown: it hears of the payment by itself. */
async function buyerScansACode(page, phone, shot) {
  await page.goto(new URL("/", shop).href);
  await asBuyer(page);
  await buyWith(page, "wechat-simulated");
  const code = page.getByTestId("pay-code");
  await code.waitFor();
  await shot("pay-5-code");
  const asked = [];
  page.on("request", (request) => {
    if (request.postData()?.includes("subscription Follow")) asked.push(request.url());
  });
  await page.reload();
  await page.getByTestId("pay-now").click();
  await code.waitFor();
  assert.equal(asked.length, 1, "the order is not followed by a stream");
  await phone.goto(await code.getAttribute("data-content"));
  await phone.getByTestId("pay").click();
  await phone.locator('[data-testid="state"][data-state="paid"]').waitFor();
  await page.waitForSelector(status("DELIVERED"));
  assert.equal(await page.getByTestId("pay-now").count(), 0, "a paid order can still be paid");
  await shot("pay-6-scanned");
}

async function buyerCancels(page) {
  await buyWith(page, "alipay-simulated");
  await page.locator('[data-testid="state"][data-state="pending"]').waitFor();
  await page.goBack();
  await page.getByTestId("order-cancel").click();
  await page.waitForSelector(status("CANCELLED"));
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Containers that run as root have no user namespaces for the sandbox.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const faults = [];
async function newPage() {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 1000 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  page.setDefaultTimeout(WAIT_MS);
  return page;
}
let page = await newPage();
const shot = (name) => page.screenshot({ path: path.join(shotsFolder, `${name}.png`) });
try {
  await guestIsSentToThePageAndBack(page, shot);
  page = await newPage();
  await buyerScansACode(page, await newPage(), shot);
  await buyerCancels(page);
  assert.deepEqual(faults, [], "the page threw errors");
  console.log("paid by page and by code, delivered live, and cancelled");
} catch (error) {
  await shot("failed");
  for (const fault of faults) console.error(`page error: ${fault}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
