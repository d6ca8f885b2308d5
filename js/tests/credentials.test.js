import assert from "node:assert/strict";
import { test } from "node:test";
import { addressToReload, authorization, takeToken, tokenOfPage } from "../../vibeworkbench/panels/credentials.js";

/**
 * @param {string} href
 * @param {Record<string, string>} [dataset]
 * @returns {any} A page at that address, published by us unless its body says nothing of it.
 */
function pageAt(href, dataset = { vibeworkbenchPage: "" }) {
  const location = { href };
  const replaceState = (/** @type {unknown} */ _state, /** @type {string} */ _unused, /** @type {string} */ url) => {
    location.href = url;
  };
  return { document: { body: { dataset } }, location, history: { state: null, replaceState } };
}

const HERE = "https://host/lab/vibeworkbench/dashboards/operations";

test("A published page's token is out of the address and known; everything else of the address stays as written.", () => {
  const page = pageAt(`${HERE}?kiosk&token=vwb_a%2Fb&theme=dark&name=a+b#health`);
  takeToken(page);
  assert.equal(page.location.href, `${HERE}?kiosk&theme=dark&name=a+b#health`);
  assert.equal(tokenOfPage(page.document), "vwb_a/b");
});

test("A token written with escapes is out of the address, too.", () => {
  const page = pageAt(`${HERE}?t%6Fken=secret`);
  takeToken(page);
  assert.equal(page.location.href, HERE);
  assert.equal(tokenOfPage(page.document), "secret");
});

test("Every bundle of a page finds the token, also when it is loaded later, and nobody meets it by listing.", () => {
  const page = pageAt(`${HERE}?token=secret`);
  takeToken(page);
  takeToken(page);
  assert.equal(tokenOfPage(page.document), "secret");
  assert.deepEqual(Object.keys(page.document), ["body"]);
  assert.ok(!JSON.stringify(page.document).includes("secret"));
});

test("In JupyterLab and Voila the address is left alone, and cookies vouch.", () => {
  const page = pageAt("https://host/lab?token=secret", {});
  takeToken(page);
  assert.equal(page.location.href, "https://host/lab?token=secret");
  assert.equal(tokenOfPage(page.document), null);
  assert.deepEqual(authorization(tokenOfPage(page.document)), {});
});

test("An empty token is none, and leaves the address.", () => {
  const page = pageAt(`${HERE}?token=`);
  takeToken(page);
  assert.equal(page.location.href, HERE);
  assert.equal(tokenOfPage(page.document), null);
});

test("A token vouches by a header, and is back in the address only where the page is loaded anew.", () => {
  assert.deepEqual(authorization("secret"), { Authorization: "token secret" });
  assert.equal(addressToReload({ href: `${HERE}?kiosk#a` }, "a/b"), `${HERE}?kiosk&token=a%2Fb#a`);
  assert.equal(addressToReload({ href: HERE }, "secret"), `${HERE}?token=secret`);
  assert.equal(addressToReload({ href: `${HERE}?kiosk` }, null), `${HERE}?kiosk`);
});
