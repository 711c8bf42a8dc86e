// A page of thumbnails: a click opens one; its tick, shift-click or the keyboard choose some, for an
// action on all of them. Where nothing opens, a click chooses.
// The selection lives here, so that choosing asks the server nothing. Names only ever become
// text content, never HTML.
// Where keys are `quick`, a key acts on the picture with the frame if none is selected, and the frame
// moves on. All that was said so stays in the state, with its time: keys come faster than answers.
const views = new WeakMap();

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function swatch(colour) {
  const node = element("i", "swatch");
  node.style.background = colour;
  return node;
}

const number = (value) => value.toLocaleString("en");

function createView(root) {
  const view = { selected: new Set(), anchor: null, focus: 0, tiles: [], data: {}, said: {} };
  view.box = root.querySelector(".gallery");
  view.filters = root.querySelector(".filters");
  view.bar = root.querySelector(".bar");
  view.grid = root.querySelector(".tiles");
  view.pages = root.querySelector(".pages");
  view.empty = root.querySelector(".empty");
  view.grid.addEventListener("click", (event) => {
    const index = indexOf(view, event);
    if (index < 0) return;
    const chooses = event.target.closest(".tick") || event.ctrlKey || event.metaKey || view.selected.size;
    if (view.data.opens && !chooses && !event.shiftKey) open(view, index);
    else if (view.data.actions.length) event.shiftKey ? selectTo(view, index) : toggle(view, index);
  });
  view.box.addEventListener("keydown", (event) => onKey(view, event));
  return view;
}

const indexOf = (view, event) => view.tiles.indexOf(event.target.closest(".tile"));

function open(view, index) {
  view.focus = index;
  paint(view);
  view.send("open", view.data.tiles[index].id);
}

function toggle(view, index) {
  const id = view.data.tiles[index].id;
  view.selected.has(id) ? view.selected.delete(id) : view.selected.add(id);
  view.anchor = index;
  view.focus = index;
  paint(view);
}

function selectTo(view, index) {
  const start = view.anchor ?? index;
  const [low, high] = start < index ? [start, index] : [index, start];
  for (let i = low; i <= high; i++) view.selected.add(view.data.tiles[i].id);
  view.focus = index;
  paint(view);
}

function clear(view) {
  view.selected.clear();
  view.anchor = null;
  paint(view);
}

function act(view, action) {
  if (!view.selected.size) return view.data.quick ? actOnFocused(view, action) : undefined;
  view.send("action", { action, ids: [...view.selected] });
  clear(view);
}

function actOnFocused(view, action) {
  const id = view.data.tiles[view.focus].id;
  view.said[id] = [Date.now() + performance.now() % 1, action];
  view.keep("said", { ...view.said });
  move(view, 1);
}

function columns(view) {
  const top = view.tiles[0]?.offsetTop;
  const next = view.tiles.findIndex((tile) => tile.offsetTop !== top);
  return next < 0 ? view.tiles.length : next;
}

function move(view, by, extend) {
  if (!view.tiles.length) return;
  if (extend && view.anchor === null) view.anchor = view.focus;
  view.focus = Math.max(0, Math.min(view.tiles.length - 1, view.focus + by));
  extend ? selectTo(view, view.focus) : paint(view);
  view.tiles[view.focus].focus();
}

function onKey(view, event) {
  const onTile = event.target.closest(".tile");
  const letter = event.key.toLowerCase();
  const steps = { arrowleft: -1, arrowright: 1, arrowup: -columns(view), arrowdown: columns(view) };
  if (event.target.tagName === "SELECT" || event.altKey) return;
  if (onTile && letter in steps) move(view, steps[letter], event.shiftKey && view.data.actions.length);
  else if ((event.ctrlKey || event.metaKey) && letter === "a" && view.data.actions.length) {
    view.data.tiles.forEach((tile) => view.selected.add(tile.id));
    paint(view);
  } else if (event.ctrlKey || event.metaKey) return;
  else if (onTile && letter === "enter" && view.data.opens) open(view, view.tiles.indexOf(onTile));
  else if (onTile && (letter === " " || letter === "enter") && view.data.actions.length)
    toggle(view, view.tiles.indexOf(onTile));
  else if (letter === "escape" && view.selected.size) clear(view);
  else {
    const action = view.data.actions.find((entry) => entry.shortcut === letter);
    if (!action || !(view.selected.size || (onTile && view.data.quick))) return;
    act(view, action.id);
  }
  event.preventDefault();
  event.stopPropagation();
}

const QUICK = "Number keys label the picture with the frame; arrows move it.";
const COARSE = matchMedia("(pointer: coarse)").matches;
const HINTS = COARSE
  ? { true: "Tap a picture to enlarge it, its circle to select it.", false: "Tap pictures to select them." }
  : {
      true: "Click a picture to enlarge it, its circle to select it; Shift-click selects a range.",
      false: "Click pictures to select them; Shift-click selects a range, Ctrl+A the whole page.",
    };

function paint(view) {
  view.tiles.forEach((tile, index) => {
    const chosen = view.selected.has(view.data.tiles[index].id);
    if (view.data.actions.length) tile.setAttribute("aria-selected", chosen);
    tile.tabIndex = index === view.focus ? 0 : -1;
  });
  const count = view.selected.size;
  view.bar.querySelector(".said").textContent = count
    ? `${count} selected`
    : view.data.quick && !COARSE ? QUICK : HINTS[view.data.opens];
  view.bar.querySelector(".actions").hidden = !count && !view.data.quick;
}

function drawFilters(view) {
  const nodes = view.data.filters.map((filter) => {
    const node = element("button", "", filter.label);
    node.type = "button";
    node.title = filter.label;
    node.dir = "auto";
    if (filter.colour) node.prepend(swatch(filter.colour));
    node.setAttribute("aria-pressed", filter.id === view.data.chosen);
    if (filter.count !== null) node.append(element("span", "count", number(filter.count)));
    node.onclick = () => view.send("filter", filter.id);
    return node;
  });
  view.filters.replaceChildren(...nodes);
}

function drawBar(view) {
  const box = element("div", "row actions");
  box.style.margin = "0";
  const shown = view.data.actions.filter((action) => !action.more);
  const more = view.data.actions.filter((action) => action.more);
  for (const action of shown) {
    const node = element("button");
    node.type = "button";
    node.title = action.label;
    node.dir = "auto";
    if (action.shortcut) node.append(element("kbd", "", action.shortcut.toUpperCase()));
    node.append(action.label);
    node.onclick = () => act(view, action.id);
    box.append(node);
  }
  if (more.length) {
    const list = element("select");
    list.append(new Option("More…", ""));
    more.forEach((action) => list.append(new Option(action.label, action.id)));
    list.setAttribute("aria-label", "More actions");
    list.onchange = () => list.value && act(view, list.value);
    box.append(list);
  }
  const none = element("button", "", "Clear");
  none.type = "button";
  none.onclick = () => clear(view);
  if (!view.data.quick) box.append(none);
  view.bar.replaceChildren(element("span", "said"), box);
  view.bar.hidden = !view.data.actions.length || !view.data.tiles.length;
}

function drawTiles(view) {
  view.tiles = view.data.tiles.map((tile) => {
    const node = element("div", "tile");
    if (tile.muted) node.classList.add("muted");
    if (!view.data.actions.length && !view.data.opens) node.classList.add("still");
    node.setAttribute("role", "option");
    const said = tile.says && `model: ${tile.says.join(" ")}`;
    node.setAttribute("aria-label", [tile.caption, tile.mark, said].filter(Boolean).join(", "));
    node.title = tile.title;
    const frame = element("div", "frame");
    const image = element("img");
    image.src = tile.src;
    image.alt = "";
    image.draggable = false;
    frame.append(image);
    const marks = element("div", "marks");
    if (tile.says) {
      const says = element("div", "mark says");
      if (tile.saysColour) says.append(swatch(tile.saysColour));
      says.append(element("span", "", tile.says[0]), element("b", "", tile.says[1]));
      marks.append(says);
    }
    if (tile.mark) {
      const mark = element("div", "mark");
      if (tile.markColour) mark.append(swatch(tile.markColour));
      mark.append(element("span", "", tile.mark));
      marks.append(mark);
    }
    frame.append(marks);
    if (view.data.opens && view.data.actions.length) frame.append(element("div", "tick"));
    node.append(frame, element("div", "caption", tile.caption));
    return node;
  });
  view.grid.replaceChildren(...view.tiles);
  view.empty.hidden = view.tiles.length > 0;
  view.empty.textContent = view.data.nothing;
}

function drawPages(view) {
  const { first, last, total } = view.data.page;
  if (last - first + 1 >= total) return view.pages.replaceChildren();
  const turn = (label, by, disabled) => {
    const node = element("button", "", label);
    node.type = "button";
    node.disabled = disabled;
    node.onclick = () => view.send("page", by);
    return node;
  };
  view.pages.replaceChildren(
    turn("‹ Previous", -1, first <= 1),
    element("span", "", `${number(first)}–${number(last)} of ${number(total)}`),
    turn("Next ›", 1, last >= total),
  );
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  let view = views.get(parentElement);
  const begins = !view;
  if (!view) views.set(parentElement, (view = createView(parentElement)));
  view.send = setTriggerValue;
  view.keep = setStateValue;
  const focused = view.grid.contains(view.grid.getRootNode().activeElement);
  view.data = data;
  const there = new Set(data.tiles.map((tile) => tile.id));
  view.selected.forEach((id) => there.has(id) || view.selected.delete(id));
  view.focus = Math.min(view.focus, Math.max(0, data.tiles.length - 1));
  view.anchor = null;
  drawFilters(view);
  drawBar(view);
  drawTiles(view);
  drawPages(view);
  paint(view);
  if (focused || (begins && data.quick)) view.tiles[view.focus]?.focus({ preventScroll: true });
}
