// Claims a link in a real browser, as whoever was sent it would:
//   node claim.mjs LINK path/for/screenshots [http://where/the/code/arrives]
// Prints the code that was shown. The browser is Debian's chromium; CHROMIUM names another.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const [link, shotsFolder, messages] = process.argv.slice(2);
if (!link || !shotsFolder) {
  console.error("usage: node claim.mjs LINK SCREENSHOT_FOLDER");
  process.exit(2);
}
mkdirSync(shotsFolder, { recursive: true });
const token = new URL(link).hash.slice(1);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const context = await browser.newContext({ locale: "zh-CN", viewport: { width: 390, height: 780 } });
const page = await context.newPage();
page.setDefaultTimeout(15_000);
const faults = [];
const asked = [];
page.on("pageerror", (error) => faults.push(error.message));
page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
page.on("request", (request) => asked.push(request));
const shot = (name) => page.screenshot({ path: path.join(shotsFolder, `${name}.png`) });

/** A bound link: has a code sent, waits for the message as its reader would, and types it in. */
async function prove() {
  await page.locator("#claim").click();
  await page.getByText("仅限").first().waitFor();
  await page.locator("#send").click();
  for (let tries = 0; tries < 150; tries += 1) {
    const found = /\d{6}/.exec(await (await fetch(messages)).text());
    if (found) return page.locator("#code").fill(found[0]);
    await new Promise((wait) => setTimeout(wait, 100));
  }
  throw new Error("no code came");
}

try {
  await page.goto(link);
  await page.locator("#claim:not([hidden])").waitFor();
  assert.equal(await page.locator("#cards li").count(), 1);
  await shot("1-claim-open");
  if (messages) await prove();
  await page.locator("#claim").click();
  const secret = page.locator("[data-testid=secret] code").last();
  await secret.waitFor();
  const code = (await secret.innerText()).trim();
  await shot("2-claim-shown");
  assert.ok(!page.url().includes(token), "the token stays in the address");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes(code) && !kept.includes(token), "code or token was written to storage");
  for (const request of asked) {
    assert.equal(new URL(request.url()).origin, new URL(link).origin, "another server was asked");
    assert.ok(!request.url().includes(token), "the token went out in an address");
    assert.ok(!request.headers().referer, "a referrer went out");
  }
  const stranger = await (await browser.newContext({ locale: "en-GB" })).newPage();
  await stranger.goto(link);
  await stranger.getByText("claimed already").waitFor();
  assert.ok(await stranger.locator("#claim").isHidden());
  // The browser that has claimed may look again, after a reload or a lost connection.
  await page.goto("about:blank");
  await page.goto(link);
  await page.locator("#claim:not([hidden])").click();
  await secret.waitFor();
  assert.equal((await secret.innerText()).trim(), code);
  assert.deepEqual(faults, [], "the page threw errors");
  console.log(code);
} catch (error) {
  await shot("failed");
  for (const fault of faults) console.error(`page error: ${fault}`);
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
