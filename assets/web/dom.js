// Making elements. Whatever comes from telemetry goes in as text or as an attribute, never as HTML.

/**
 * @param {string} tag with classes, as `div.panel.stat`
 * @param {Record<string, any>} [properties] `on…` are listeners, the rest are attributes
 * @param {...(Node | string | null | undefined | false)} children
 */
export function element(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length > 0) made.className = classes.join(" ");
  set(made, properties);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function set(made, properties) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
}

const SVG = "http://www.w3.org/2000/svg";

const SHAPES = {
  reload: "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3",
  clock: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 4.5V8l2.4 1.6",
  left: "M10 3 5 8l5 5",
  right: "m6 3 5 5-5 5",
  down: "m3.5 6 4.5 4.5L12.5 6",
  wider: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3 14 14M5 7h4",
  theme: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 1.8v12.4M8 4h3.5M8 7h5M8 10h4.5",
  code: "m5 4.5-3.5 3.5L5 11.5m6-7 3.5 3.5-3.5 3.5M9.3 3 6.7 13",
  alone: "M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9",
  close: "m3.5 3.5 9 9m0-9-9 9",
};

/** A small drawing that stands for a word that is read out elsewhere. @param {keyof typeof SHAPES} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  set(svg, { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** A button with a drawing in place of words. @param {keyof typeof SHAPES} name @param {string} title */
export function iconButton(name, title, onclick, kind = "control") {
  return element(`button.${kind}`, { type: "button", title, "aria-label": title, onclick }, icon(name));
}

/** Puts other children in, unless they are those already. @param {Element} parent */
export function replace(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/** What is in backticks is something that a person would type. */
export function marked(text) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? element("code", {}, part) : part));
}

/**
 * A button that opens a box beneath it; Escape and a click elsewhere close it.
 * @param {{title?: string, class?: string, button: (Node | string)[], content: (close: () => void) => Node}} options
 */
export function popup({ title, class: kind = "", button, content }) {
  const opener = element("button", { type: "button", "aria-expanded": "false", title, class: "control" }, ...button);
  const holder = element(`div.popup${kind ? `.${kind}` : ""}`, {}, opener);
  let box = null;

  function close() {
    if (!box) return;
    const held = box.contains(document.activeElement);
    box.remove();
    box = null;
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (held) opener.focus();
  }
  function outside(event) {
    if (!holder.contains(event.target)) close();
  }
  function open() {
    box = element("div.box", {}, content(close));
    holder.append(box);
    opener.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    const over = box.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) box.style.marginLeft = `${-over}px`;
    // A finger needs no focus, which would bring up the keyboard.
    if (!matchMedia("(pointer: coarse)").matches) box.querySelector("input, button, a")?.focus({ preventScroll: true });
  }
  opener.addEventListener("click", () => (box ? close() : open()));
  holder.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box) {
      event.stopPropagation();
      close();
      opener.focus();
    }
  });
  holder.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !holder.contains(event.relatedTarget)) close();
  });
  return { element: holder, opener, close };
}
