// Buys one card in the running shop, rates it and complains about it, as a visitor would:
//   node buy.mjs path/to/demo.json path/for/screenshots
// demo.json: {"shop": "http://...", "buyer": {"login": "...", "password": "..."}}
// The browser is Debian's chromium; CHROMIUM names another. Exit code 0 means: bought, shown, told.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const [demoFile, shotsFolder] = process.argv.slice(2);
if (!demoFile || !shotsFolder) {
  console.error("usage: node buy.mjs DEMO_JSON SCREENSHOT_FOLDER");
  process.exit(2);
}
const { shop, buyer } = JSON.parse(readFileSync(demoFile, "utf8"));
mkdirSync(shotsFolder, { recursive: true });

const DELIVERY_MS = 20_000;
const UNITS = 10_000n;

/** "19.5" -> 195000n: money is compared in whole units of 1/10000, as the shop does it. */
function toUnits(amount) {
  const [whole, fraction = ""] = amount.split(".");
  return BigInt(whole) * UNITS + BigInt(fraction.padEnd(4, "0"));
}

async function balance(page) {
  return (await page.getByTestId("wallet").getAttribute("data-amount")) ?? "";
}

async function signIn(page) {
  await page.getByTestId("sign-in").click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[name=login]").fill(buyer.login);
  await dialog.locator("input[name=password]").fill(buyer.password);
  await dialog.getByTestId("session-submit").click();
  await page.getByTestId("wallet").waitFor();
}

/** The first found card that can be bought; a sold-out one is no use here. */
async function openCard(page) {
  await page.getByTestId("search").fill("steam");
  await page.waitForURL(/q=steam/);
  const found = page.locator('[data-testid="product"]:not(.product-out)').filter({ hasText: /steam/i });
  await found.first().waitFor();
  await found.first().click();
  await page.getByTestId("buy").waitFor();
}

/** At a peak the door says when to come again: the button waits, and nobody is left in doubt. */
async function turnedAwayOnce(page) {
  const seconds = 2;
  const extensions = { code: "SHOP_BUSY", retryAfter: seconds, retryAfterMs: seconds * 1000, retryable: true };
  const answer = {
    status: 503,
    contentType: "application/json",
    body: JSON.stringify({ errors: [{ message: "Too many people are buying.", extensions }] }),
  };
  let turned = false;
  await page.route("**/graphql/shop", async (route) => {
    if (turned || route.request().postDataJSON()?.operationName !== "OrderCreate") return route.fallback();
    turned = true;
    return route.fulfill(answer);
  });
  const button = page.getByTestId("buy");
  await button.click();
  await page.locator(".notice-code", { hasText: "SHOP_BUSY" }).waitFor();
  assert.ok(await button.isDisabled(), "the button did not wait");
  assert.match(await button.innerText(), /\d s$/);
  assert.equal(await page.locator(".notice-warn").count(), 0, "nothing was bought, and the shop is in doubt");
  await page.waitForSelector('[data-testid="buy"]:not([disabled])');
}

async function delivered(page) {
  await page.waitForURL(/#\/orders\/./);
  const status = page.getByTestId("order-status");
  await status.waitFor();
  const done = '[data-testid="order-status"][data-status="DELIVERED"]';
  await page.waitForSelector(done);
}

async function revealedCode(page) {
  await page.getByTestId("reveal").click();
  const secret = page.getByTestId("secret").first();
  await secret.waitFor();
  return (await secret.innerText()).trim();
}

/** A code is cash: the shop may show it, never keep it. */
async function assertNotStored(page, code) {
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes(code), "the revealed code was written to the browser's storage");
}

async function rate(page) {
  const stars = page.getByTestId("stars").first();
  await stars.getByRole("button").nth(3).click();
  await page.locator('[data-testid="stars"][data-given="4"]').first().waitFor();
}

/** A case with a picture: what is shown is what the shop has kept. */
async function complain(page, picture) {
  await page.getByTestId("case-begin").click();
  await page.locator("select[name=reason]").selectOption("CODE_USED");
  const words = "it says <img src=x onerror=alert(1)>: used";
  await page.locator("textarea[name=text]").fill(words);
  await page.locator("input[name=file]").setInputFiles({ name: "proof.png", mimeType: "image/png", buffer: picture });
  await page.getByTestId("case-open").click();
  const opened = page.locator('[data-testid="case"][data-state="OPEN"]');
  await opened.waitFor();
  await opened.getByText("proof").waitFor();
}

async function buyOne(page, shot) {
  await page.goto(new URL("/", shop).href);
  await page.getByTestId("product").first().waitFor();
  await shot("1-home");
  await signIn(page);
  const shown = await balance(page);
  const before = toUnits(shown);
  await openCard(page);
  await shot("2-card");
  await turnedAwayOnce(page);
  await page.getByTestId("buy").click();
  await delivered(page);
  await shot("3-order");
  const code = await revealedCode(page);
  assert.ok(code.length >= 4 && !code.includes("*"), "no readable code was shown");
  await assertNotStored(page, code);
  await shot("4-revealed");
  // The header follows by itself; its request may still be under way.
  await page.waitForFunction(
    (old) => document.querySelector('[data-testid="wallet"]')?.dataset.amount !== old,
    shown,
  );
  const after = toUnits(await balance(page));
  assert.ok(after < before, `the wallet did not go down: ${before} -> ${after} units`);
  await rate(page);
  await complain(page, await page.screenshot());
  await shot("5-case");
  return before - after;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Containers that run as root have no user namespaces for the sandbox.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const page = await browser.newPage({ locale: "en-GB", viewport: { width: 1280, height: 900 } });
const faults = [];
page.on("pageerror", (error) => faults.push(error.message));
page.setDefaultTimeout(DELIVERY_MS);
const shot = (name) => page.screenshot({ path: path.join(shotsFolder, `${name}.png`) });
try {
  const spent = await buyOne(page, shot);
  assert.deepEqual(faults, [], "the page threw errors");
  console.log(`bought, delivered, revealed, rated and complained about; the wallet went down by ${spent} units of 1/10000`);
} catch (error) {
  await shot("failed");
  for (const fault of faults) console.error(`page error: ${fault}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
