// The web page in a real browser, against a running server. README.md says how to run it.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const SERVER = (process.env.CLIP_SEARCH_URL ?? "http://127.0.0.1:7878").replace(/\/$/, "");
const SCREENSHOTS = process.env.CLIP_SEARCH_SCREENSHOTS;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const DESKTOP = { viewport: { width: 1360, height: 860 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

let browser;
let status;
/** All photos, newest first: the first hundred. */
let all;

const api = async (path) => {
  const answer = await fetch(SERVER + path);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
};

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  if (SCREENSHOTS) mkdirSync(SCREENSHOTS, { recursive: true });
  status = await api("/api/v1/status");
  all = await api("/api/v1/search?q=&limit=100");
  assert.ok(status.photos >= 3 && all.results.length >= 3, "the tests need an index of three photos or more");
});

after(() => browser?.close());

/** A page that fails its test if a script throws or breaks the policy. */
async function open(t, path = "/", options = DESKTOP) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.stack));
  page.on("console", (message) => /Content Security Policy|Refused to/i.test(message.text()) && faults.push(message.text()));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (!["blob:", "data:"].includes(protocol) && origin !== new URL(SERVER).origin) faults.push(`a request to ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(SERVER + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(".tile, #empty:not([hidden]), #failure:not(:empty)");
  return page;
}

const picture = async (page, name) => {
  if (!SCREENSHOTS) return;
  await page.waitForFunction(() => [...document.images].every((image) => !image.src || image.complete || image.loading === "lazy"));
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
};

const search = async (page, text) => {
  const answer = page.waitForResponse((response) => new URL(response.url()).searchParams.get("q") === text && response.url().includes("/api/v1/search"));
  await page.locator("#q").fill(text);
  return (await answer).json();
};

const ids = (page) => page.locator(".tile").evaluateAll((tiles) => tiles.sort((a, b) => a.index - b.index).map((tile) => tile.photo.id));
const until = (page, check, argument) => page.waitForFunction(check, argument, { timeout: 10_000 });
/** What has the focus, in short. */
const focused = (page) => page.evaluate(() => document.activeElement.closest(".tile")?.index ?? document.activeElement.id);

async function hasNoFindings(page, name) {
  // What fades in has no contrast to speak of yet.
  await page.waitForTimeout(350);
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.flatMap((violation) => violation.nodes.map((node) => `${name}: ${violation.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`));
  assert.deepEqual(found, []);
}

test("all photos, newest first", async (t) => {
  const page = await open(t);
  const found = await ids(page);
  assert.deepEqual(found, all.results.slice(0, found.length).map((photo) => photo.id));
  await until(page, () => document.querySelector(".tile img").naturalWidth > 0);
  assert.match(await page.locator("#summary").textContent(), /photo/i);
  await picture(page, "home");
});

test("results come as one types, and only those of the last key", async (t) => {
  const page = await open(t);
  await page.locator("#q").pressSequentially("a cat", { delay: 25 });
  const expected = await api(`/api/v1/search?q=${encodeURIComponent("a cat")}&limit=100`);
  await until(page, (id) => document.querySelector(".tile")?.photo.id === id, expected.results[0].id);
  await until(page, () => new URL(location.href).searchParams.get("q") === "a cat");
  const said = await page.locator("#summary").textContent();
  assert.equal(said === "Nothing matches well. The nearest are:", !expected.matches);
  await picture(page, "search");

  // An answer that comes late is dropped.
  await page.route(/search\?q=slow/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await route.continue().catch(() => {});
  });
  await page.locator("#q").fill("slow");
  await page.waitForTimeout(100);
  await search(page, "a dog");
  const dogs = await api(`/api/v1/search?q=${encodeURIComponent("a dog")}&limit=1`);
  await page.waitForTimeout(1000);
  assert.equal((await ids(page))[0], dogs.results[0].id);
});

test("the first results are shown soon after the last key", async (t) => {
  const page = await open(t);
  // How fast depends on the machine, so this only tells; that it needs no more than one request is checked.
  const requests = [];
  page.on("request", (request) => request.url().includes("/api/v1/search") && requests.push(request.url()));
  const took = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const box = document.getElementById("q");
        const begun = performance.now();
        box.value = "mountains";
        box.dispatchEvent(new InputEvent("input", { bubbles: true }));
        new MutationObserver((_, observer) => {
          observer.disconnect();
          resolve(performance.now() - begun);
        }).observe(document.getElementById("summary"), { childList: true });
      }),
  );
  t.diagnostic(`${Math.round(took)} ms`);
  assert.equal(requests.filter((url) => url.includes("offset=0")).length, 1);
});

test("a filter is a chip, which takes it away", async (t) => {
  const page = await open(t);
  await search(page, "photo width:>1");
  const chip = page.locator("#chips a", { hasText: /width/i });
  await chip.waitFor();
  await picture(page, "chips");
  await chip.click();
  await until(page, () => document.getElementById("q").value === "photo");
  await until(page, () => document.getElementById("chips").children.length === 0);
  assert.equal(await focused(page), "q", "the focus is not lost with the chip");
  await page.goBack();
  await until(page, () => document.getElementById("q").value === "photo width:>1");
  await chip.waitFor();
});

test("more and less like this", async (t) => {
  const page = await open(t);
  const [id] = await ids(page);
  await page.locator(".tile").first().hover();
  await page.locator(".tile .more").first().click();
  await until(page, (id) => document.getElementById("q").value === `like:${id}`, id);
  await page.locator("#chips .chip img").waitFor();
  await page.locator(".tile a").nth(1).focus();
  const other = await page.evaluate(() => document.activeElement.closest(".tile").photo.id);
  await page.keyboard.press("l");
  await until(page, ([id, other]) => document.getElementById("q").value === `like:${id} -like:${other}`, [id, other]);
  await page.goBack();
  await until(page, (id) => document.getElementById("q").value === `like:${id}`, id);
});

test("details: all that is known, the next photo, and back", async (t) => {
  const page = await open(t);
  const [first, second] = await ids(page);
  await page.locator(".tile a").first().click();
  const dialog = page.locator("#details");
  await dialog.locator("dt", { hasText: "Folder" }).waitFor();
  const known = await api(`/api/v1/photos/${first}`);
  const text = await dialog.textContent();
  for (const part of [known.camera, ...(known.keywords ?? [])].filter(Boolean)) assert.ok(text.includes(part), part);
  assert.equal(new URL(page.url()).searchParams.get("photo"), String(first));
  await until(page, () => document.querySelector("#details img").naturalHeight > 0);
  await picture(page, "details");
  await page.keyboard.press("ArrowRight");
  await until(page, (id) => new URL(location.href).searchParams.get("photo") === id, String(second));
  await page.keyboard.press("Escape");
  await until(page, () => !document.getElementById("details").open && !location.search.includes("photo="));
  assert.equal(await focused(page), 1);
  await page.goForward();
  await until(page, () => document.getElementById("details").open);
  await page.reload();
  await until(page, () => document.getElementById("details").open && !document.querySelector("#details .forth").hidden);
  await page.goBack();
  await until(page, () => !document.getElementById("details").open);
  const file = await fetch(SERVER + (await page.locator("#details a[target]").first().getAttribute("href").catch(() => `/api/v1/photos/${first}/file`)));
  assert.ok(file.ok);
});

/** Bytes of a picture that the browser can show: a thumbnail of the index. */
const bytesOf = async (id) => [...new Uint8Array(await (await fetch(`${SERVER}/api/v1/photos/${id}/thumbnail?size=480`)).arrayBuffer())];

const drop = (page, bytes) =>
  page.evaluate((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "mine.jpg", { type: "image/jpeg" }));
    for (const name of ["dragenter", "dragover", "drop"]) document.body.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
  }, bytes);

test("a picture that is dropped, pasted or picked is a query, and so is a part of it", async (t) => {
  const page = await open(t);
  const bytes = await bytesOf(all.results[0].id);
  await drop(page, bytes);
  await page.locator("#chips", { hasText: "Your picture" }).waitFor();
  const token = new URL(page.url()).searchParams.get("picture");
  assert.ok(token);
  assert.ok(await page.locator("#drop").isHidden());
  await until(page, () => document.querySelector("#chips img").naturalWidth > 0);
  await picture(page, "picture");

  await page.locator("#chips button", { has: page.locator('use[href="#i-crop"]') }).click();
  await page.locator(".crop-frame").waitFor();
  await page.locator("button", { hasText: "Search this part" }).click();
  await page.locator("#chips", { hasText: "Part of your picture" }).waitFor();
  assert.notEqual(new URL(page.url()).searchParams.get("picture"), token);
  await page.goBack();
  await until(page, (token) => new URL(location.href).searchParams.get("picture") === token, token);

  await page.locator("#chips button[aria-label^=Remove]").click();
  await until(page, () => location.search === "");
  await page.setInputFiles("#file", { name: "mine.jpg", mimeType: "image/jpeg", buffer: Buffer.from(bytes) });
  await page.locator("#chips", { hasText: "Your picture" }).waitFor();

  await page.goto(`${SERVER}/`);
  await page.waitForSelector(".tile");
  await page.evaluate((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "mine.jpg", { type: "image/jpeg" }));
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, bytes);
  await page.locator("#chips", { hasText: "Your picture" }).waitFor();

  // What is no picture is refused with a reason, and nothing else changes.
  await drop(page, [1, 2, 3]);
  await page.locator("#toast:not([hidden])").waitFor();
  assert.ok(await page.locator("#chips", { hasText: "Your picture" }).isVisible());
});

test("a part of a photo is a query, chosen with the mouse or the keyboard", async (t) => {
  const page = await open(t);
  const [id] = await ids(page);
  await page.locator(".tile a").first().click();
  await page.locator("#details button", { hasText: "Search a part" }).click();
  await until(page, () => document.querySelector(".crop")?.clientWidth > 100);
  const box = await page.locator(".crop").boundingBox();
  await page.mouse.move(box.x + box.width * 0.1, box.y + box.height * 0.1);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.6, { steps: 5 });
  await page.mouse.up();
  await picture(page, "crop");
  await page.locator("button", { hasText: "Search this part" }).click();
  await until(page, () => location.search.includes("crop="));
  const params = new URL(page.url()).searchParams;
  assert.equal(params.get("like"), String(id));
  const [x, y, w, h] = params.get("crop").split(",").map(Number);
  for (const [is, should] of [[x, 0.1], [y, 0.1], [w, 0.4], [h, 0.5]]) assert.ok(Math.abs(is - should) < 0.02, `${is}, not ${should}`);
  await page.locator("#chips", { hasText: "Part of" }).waitFor();
  await page.waitForSelector(".tile");

  await page.locator(".tile a").first().focus();
  await page.keyboard.press("c");
  await page.locator(".crop-frame").waitFor();
  await until(page, () => document.querySelector("#details img").naturalWidth > 0);
  for (const key of ["ArrowLeft", "ArrowUp", "Shift+ArrowLeft", "Shift+ArrowDown"]) await page.keyboard.press(key);
  await page.keyboard.press("Enter");
  await until(page, () => location.search.includes("crop=0.18%2C0.18%2C0.58%2C0.62"));
  await page.waitForSelector(".tile");

  await page.locator(".tile a").first().focus();
  await page.keyboard.press("c");
  await page.locator(".crop-frame").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".crop-frame").count(), 0);
  assert.ok(await page.locator("#details").isVisible());
});

test("results far down: fetched as they are looked at, and few in the document", async (t) => {
  const page = await open(t);
  const { total } = all;
  if (total === null || total <= 200) return t.skip("the index is small");
  const index = Math.min(10_000, total - 50);
  const [expected] = (await api(`/api/v1/search?q=&limit=1&offset=${index}`)).results;
  const seen = (index) => page.evaluate(() => document.querySelectorAll(".tile").length).then((count) => count < 400 && index);
  // Scrolling by hand, far and fast.
  await page.evaluate((share) => scrollTo(0, document.documentElement.scrollHeight * share), index / total);
  await until(page, (index) => [...document.querySelectorAll(".tile")].some((tile) => Math.abs(tile.index - index) < 500), index);
  assert.ok(await seen(index));
  const scrolled = await page.evaluate(() => scrollY);
  await until(page, () => [...document.querySelectorAll(".tile")].some((tile) => tile.getBoundingClientRect().top > 0 && tile.getBoundingClientRect().bottom < innerHeight));
  // To the very result, by the keyboard.
  const near = await page.evaluate(() => {
    const tile = [...document.querySelectorAll(".tile")].find((tile) => tile.getBoundingClientRect().top > 100);
    tile.firstChild.focus();
    return tile.index;
  });
  const way = index > near ? "ArrowRight" : "ArrowLeft";
  for (let step = Math.min(60, Math.abs(index - near)); step > 0; step--) await page.keyboard.press(way);
  if (Math.abs(index - near) <= 60) assert.equal(await page.evaluate(() => document.activeElement.closest(".tile").photo.id), expected.id);
  await picture(page, "far");

  // Open, close, reload: the page is where it was.
  const before = await page.evaluate(() => scrollY);
  assert.ok(scrolled > 0 && before > 0);
  await page.keyboard.press("Enter");
  await until(page, () => document.getElementById("details").open);
  await page.keyboard.press("Escape");
  await until(page, () => !document.getElementById("details").open);
  assert.ok(Math.abs((await page.evaluate(() => scrollY)) - before) < 400);
  await page.waitForTimeout(500);
  const top = await page.evaluate(() => history.state.index);
  await page.reload();
  await until(page, (top) => [...document.querySelectorAll(".tile")].some((tile) => Math.abs(tile.index - top) < 30 && Math.abs(tile.getBoundingClientRect().top) < 400), top);

  // Another search and back.
  await page.evaluate(() => document.querySelector(".tile .more").click());
  await until(page, () => document.getElementById("q").value.startsWith("like:") && scrollY < 100);
  await page.goBack();
  await until(page, (top) => [...document.querySelectorAll(".tile")].some((tile) => Math.abs(tile.index - top) < 60 && Math.abs(tile.getBoundingClientRect().top) < 600), top);

  // And the end.
  await page.locator(".tile a").first().focus();
  await page.keyboard.press("End");
  await until(page, (last) => document.activeElement.closest(".tile")?.index === last, total - 1);
  await page.keyboard.press("Home");
  await until(page, () => document.activeElement.closest(".tile")?.index === 0 && scrollY < 100);
});

test("days and the timeline", async (t) => {
  const days = (await api("/api/v1/timeline?q=")).days.filter(({ day }) => day);
  const page = await open(t, "/?days=1");
  if (!days.length) return t.skip("no photo has a date");
  await page.locator(".day h2").first().waitFor();
  const first = await page.locator(".day h2").first().textContent();
  assert.ok(first.includes(days[0].day.slice(0, 4)), first);
  await picture(page, "days");
  const months = [...new Set(days.map((day) => day.day.slice(0, 7)))];
  if (months.length < 2 || (all.total ?? 1000) <= 50) return assert.ok(await page.locator("#timeline").isHidden());
  await page.locator("#timeline").focus();
  await page.keyboard.press("End");
  await until(page, (index) => [...document.querySelectorAll(".tile")].some((tile) => tile.index === index), days.find((day) => day.day.startsWith(months.at(-1))).offset);
  await page.keyboard.press("Home");
  await until(page, () => document.querySelector(".tile")?.index === 0);
  await page.locator("#days").click();
  await until(page, () => !location.search.includes("days"));
});

test("the map leads to what is near a place", async (t) => {
  const { places } = await api("/api/v1/places?q=");
  const page = await open(t);
  await page.keyboard.press("g");
  await page.locator("#map .land").waitFor();
  if (!places.length) {
    await page.locator("#map .note", { hasText: "None of these" }).waitFor();
    return;
  }
  await page.locator("#map .mark").first().waitFor();
  await picture(page, "map");
  await page.locator("#map .mark").first().focus();
  await page.keyboard.press("Enter");
  await until(page, () => /^near:-?[\d.]+,-?[\d.]+,\d+$/.test(document.getElementById("q").value));
  await page.locator("#chips a").first().waitFor();
  assert.ok((await ids(page)).length > 0);
  await page.locator("#map .view").focus();
  for (const key of ["+", "ArrowLeft", "-", "0"]) await page.keyboard.press(key);
  await page.locator("#map button[aria-label='Close the map']").click();
  await until(page, () => document.getElementById("map").hidden);
});

test("everything with the keyboard alone", async (t) => {
  const page = await open(t);
  await page.keyboard.press("/");
  assert.equal(await focused(page), "q");
  await page.keyboard.type("photo");
  await until(page, () => location.search.includes("q=photo"));
  await page.waitForTimeout(300);
  await page.keyboard.press("ArrowDown");
  await until(page, () => document.activeElement.closest(".tile")?.index === 0);
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(page), 1);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Home");
  assert.equal(await focused(page), 0);
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+ArrowRight");
  await until(page, () => document.querySelector("#selection .count").textContent === "2 photos selected");
  await page.keyboard.press("Shift+ArrowLeft");
  await until(page, () => document.querySelector("#selection .count").textContent === "1 photo selected");
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("#selection").isHidden());
  await page.keyboard.press("Enter");
  await until(page, () => document.getElementById("details").open);
  await page.keyboard.press("Escape");
  await until(page, () => !document.getElementById("details").open);
  assert.equal(await focused(page), 0);
  await page.keyboard.press("?");
  await until(page, () => document.getElementById("keys").open);
  await page.keyboard.press("Escape");
  await page.locator(".tile a").first().focus();
  await page.keyboard.press("m");
  await until(page, () => /^photo like:\d+$/.test(document.getElementById("q").value));
});

test("several photos are selected and exported", async (t) => {
  const page = await open(t);
  const [first, second, third] = await ids(page);
  await page.locator(".tile").nth(0).hover();
  await page.locator(".tile .pick").nth(0).click();
  await page.locator(".tile a").nth(2).click({ modifiers: ["Shift"] });
  await until(page, () => document.querySelector("#selection .count").textContent === "3 photos selected");
  await picture(page, "selected");
  const [list] = await Promise.all([page.waitForEvent("download"), page.locator("#selection button", { hasText: "Save list" }).click()]);
  const paths = (await readFile(await list.path(), "utf8")).trim().split("\n");
  assert.equal(paths.length, 3);
  const [zip] = await Promise.all([page.waitForEvent("download"), page.locator("#selection button", { hasText: "Download ZIP" }).click()]);
  const bytes = await readFile(await zip.path());
  assert.equal(bytes.subarray(0, 2).toString(), "PK");
  await page.locator(".tile a").nth(1).click({ modifiers: ["Control"] });
  await until(page, () => document.querySelector("#selection .count").textContent === "2 photos selected");
  await page.locator("#selection button", { hasText: "More like these" }).click();
  await until(page, ([first, third]) => document.getElementById("q").value === `like:${first} like:${third}`, [first, third]);
  assert.ok(second !== first);
});

test("what is wrong with a query is said and shown", async (t) => {
  const page = await open(t);
  await page.locator("#q").fill('a "dog');
  await page.locator("#failure:not(:empty)").waitFor();
  assert.equal(await page.locator("#q").getAttribute("aria-invalid"), "");
  assert.ok((await ids(page)).length > 0, "the results stay");
  await picture(page, "failure");
  await search(page, "a dog");
  await until(page, () => document.querySelector("#failure").textContent === "");
});

test("a query that nothing meets", async (t) => {
  const page = await open(t, "/?q=year%3A1803");
  await page.locator("#empty", { hasText: "No photo meets" }).waitFor();
  await picture(page, "empty");
  await page.locator("#chips a").first().click();
  await page.waitForSelector(".tile");
});

test("the library, and adding folders where that is allowed", async (t) => {
  const page = await open(t);
  await page.locator("#library-open").click();
  await page.locator("#library", { hasText: status.model }).waitFor();
  assert.equal(await page.locator("#library form").count(), status.can_add_folders ? 1 : 0);
  await picture(page, "library");
  if (!status.can_add_folders) return;
  await page.locator("#folder").fill("not/an/absolute/path");
  await page.keyboard.press("Enter");
  await page.locator("#folder-problem:not(:empty)").waitFor();
});

test("without script", async (t) => {
  const page = await open(t, "/", { ...DESKTOP, javaScriptEnabled: false });
  const shown = page.locator("#results li img");
  assert.ok((await shown.count()) >= 3);
  assert.notEqual(await shown.first().getAttribute("alt"), "");
  await page.locator("#q").fill("photo width:>1");
  await page.locator("#search button[type=submit]").click();
  await page.waitForURL(/q=photo/);
  assert.equal(await page.locator("#q").inputValue(), "photo width:>1");
  await picture(page, "no-script");
  const next = page.locator("a[rel=next]");
  if (await next.count()) {
    const before = await shown.first().getAttribute("src");
    await next.click();
    assert.notEqual(await shown.first().getAttribute("src"), before);
    await page.locator("a[rel=prev]").click();
    assert.equal(await shown.first().getAttribute("src"), before);
  }
  await page.locator("#chips a", { hasText: /width/i }).click();
  assert.equal(await page.locator("#q").inputValue(), "photo");
  await page.locator("#q").fill('a "dog');
  await page.locator("#search button[type=submit]").click();
  assert.notEqual((await page.locator("#failure").textContent()).trim(), "");
});

test("on a phone", async (t) => {
  const page = await open(t, "/?q=photo+width%3A%3E1", PHONE);
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits());
  await picture(page, "phone");
  await hasNoFindings(page, "phone");
  await page.locator(".tile a").first().tap();
  await page.locator("#details dt").first().waitFor();
  assert.ok(await fits());
  await picture(page, "phone-details");
  await page.locator("#details button[aria-label=Close]").tap();
  await until(page, () => !document.getElementById("details").open);
  await page.locator("#map-toggle").tap();
  await page.locator("#map .land").waitFor();
  assert.ok(await fits());
  await picture(page, "phone-map");
});

test("dark, by the system and by hand", async (t) => {
  const page = await open(t, "/?q=photo", { ...DESKTOP, colorScheme: "dark" });
  const back = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await back();
  await picture(page, "dark");
  await hasNoFindings(page, "dark");
  await page.locator("#theme").click();
  const light = await back();
  assert.notEqual(light, dark);
  await page.reload();
  await page.waitForSelector(".tile");
  assert.equal(await back(), light, "what was chosen is kept");
});

test("axe finds nothing", async (t) => {
  const page = await open(t, "/?q=photo+width%3A%3E1");
  await hasNoFindings(page, "results");
  await page.locator(".tile a").first().focus();
  await page.keyboard.press("Space");
  await hasNoFindings(page, "selected");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator("#details dt").first().waitFor();
  await hasNoFindings(page, "details");
  await page.keyboard.press("c");
  await page.locator(".crop-frame").waitFor();
  await hasNoFindings(page, "crop");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await hasNoFindings(page, "keys");
  await page.keyboard.press("Escape");
  await page.locator("#library-open").click();
  await page.locator("#library dt").first().waitFor();
  await hasNoFindings(page, "library");
  await page.keyboard.press("Escape");
  await page.goto(`${SERVER}/?days=1&map=1`);
  await page.locator("#map .land").waitFor();
  await page.waitForSelector(".tile");
  await page.waitForTimeout(500);
  await hasNoFindings(page, "days and map");
  await page.goto(`${SERVER}/?q=${encodeURIComponent('a "dog')}`);
  await page.locator("#failure:not(:empty)").waitFor();
  await hasNoFindings(page, "failure");
});

test("the page is light", async (t) => {
  const page = await open(t, "/");
  const sizes = await page.evaluate(() =>
    [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .filter((entry) => entry.entryType === "navigation" || entry.name.includes("/assets/"))
      .map((entry) => entry.decodedBodySize),
  );
  const script = await fetch(`${SERVER}/`).then((answer) => answer.text());
  const results = script.slice(script.indexOf('<ul class="plain">'), script.indexOf("</ul>", script.indexOf('<ul class="plain">'))).length;
  const total = sizes.reduce((sum, size) => sum + size, 0) - results;
  t.diagnostic(`${total} bytes before pictures, uncompressed`);
  assert.ok(total < 100_000, `${total} bytes`);
});
