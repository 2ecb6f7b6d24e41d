import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import test from "node:test";

const PAGE = new URL("../../../assets/web/", import.meta.url);

/** The page's own files of an ending, by their paths. */
function files(ending) {
  const paths = readdirSync(PAGE, { recursive: true }).map((path) => path.replaceAll("\\", "/"));
  const own = paths.filter((path) => path.endsWith(ending) && !path.startsWith("vendor/"));
  assert.ok(own.length > 0);
  return own.map((path) => [path, readFileSync(new URL(path, PAGE), "utf8")]);
}

test("every script is where those that need it look for it", () => {
  for (const [path, text] of files(".js")) {
    for (const [, needed] of text.matchAll(/^(?:import|export)\b.* from "([^"]+)";$/gm)) {
      assert.match(needed, /^\.{1,2}\/.*\.js$/, path);
      assert.ok(existsSync(new URL(needed, new URL(path, PAGE))), `${path} needs ${needed}`);
    }
  }
  for (const [path, text] of files(".html")) {
    for (const [, needed] of text.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)) {
      assert.ok(existsSync(new URL(needed, PAGE)), `${path} needs ${needed}`);
    }
  }
});

test("no script makes HTML or code of a text", () => {
  for (const [path, text] of files(".js")) {
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/,
      path,
    );
  }
});

test("the page has nothing in it that its policy forbids, and nothing of another server", () => {
  for (const [path, text] of [...files(".html"), ...files(".css")]) {
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|@import|url\(|https?:/, path);
  }
});
