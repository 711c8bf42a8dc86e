// The camera: its picture, frames recorded while a button is held, and the model's answers.
// One frame is asked about at a time; its answer comes back as data and asks for the next one.
// Names only ever become text content, never HTML.
const views = new WeakMap();
const RECORD_EVERY = 125; // milliseconds between two recorded frames
const RECORDED_SIDE = 480; // pixels, the shorter side
const ASKED_SIDE = 320;
const ASK_EVERY = 100; // milliseconds at least between two questions
const NO_MODEL_PAUSE = 1000; // while there is no model that could answer
const LOST_AFTER = 2000; // milliseconds without an answer
const SEND_AGAIN_AFTER = 6000; // milliseconds until a recording that nobody took is sent again

const PROBLEMS = {
  Insecure:
    "Browsers hand out the camera only to pages at an https address, or on the computer that runs the app.",
  NotAllowedError:
    "The browser does not allow this page to use the camera. Allow it beside the page's address, then try again.",
  NotFoundError: "No camera was found. Connect one, then try again.",
  OverconstrainedError: "No camera was found. Connect one, then try again.",
  NotReadableError: "Another program is using the camera. Close that program, then try again.",
  Ended: "The camera was disconnected. Connect it, then try again.",
};

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function createView(root) {
  const view = { root, data: {}, number: Date.now(), heard: 0, last: Date.now(), notBefore: 0 };
  view.canvas = document.createElement("canvas");
  const found = (name) => root.querySelector(`.${name}`);
  view.box = found("camera");
  for (const name of ["stage", "picture", "count", "problem", "said", "answers", "hold", "again", "other"])
    view[name] = found(name);
  view.video = root.querySelector("video");
  view.again.onclick = () => start(view);
  view.other.onclick = () => start(view, nextCamera(view));
  const hold = view.hold;
  hold.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    hold.setPointerCapture(event.pointerId);
    press(view);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
    hold.addEventListener(name, () => release(view));
  hold.addEventListener("contextmenu", (event) => event.preventDefault());
  hold.addEventListener("keydown", (event) => onKey(event, () => press(view)));
  hold.addEventListener("keyup", (event) => onKey(event, () => release(view)));
  view.pulse = setInterval(() => beat(view), 500);
  start(view);
  return view;
}

function onKey(event, act) {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat) act();
}

// --- The camera itself ---

async function start(view, deviceId) {
  stop(view);
  view.problem.hidden = true;
  view.again.hidden = true;
  if (!navigator.mediaDevices?.getUserMedia) return fail(view, "Insecure");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "environment" };
  const size = { width: { ideal: 640 }, height: { ideal: 480 } };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { ...which, ...size }, audio: false });
    if (view.ended) return stream.getTracks().forEach((track) => track.stop());
    stop(view);
    view.stream = stream;
  } catch (error) {
    return fail(view, error.name);
  }
  const [track] = view.stream.getVideoTracks();
  track.onended = () => fail(view, "Ended");
  view.video.classList.toggle("mirrored", track.getSettings().facingMode !== "environment");
  view.video.srcObject = view.stream;
  await view.video.play().catch(() => {});
  const devices = await navigator.mediaDevices.enumerateDevices();
  view.cameras = devices.filter((one) => one.kind === "videoinput" && one.deviceId).map((one) => one.deviceId);
  view.other.hidden = view.cameras.length < 2;
  paint(view);
  paintAnswers(view);
  ask(view);
}

function nextCamera(view) {
  const now = view.stream?.getVideoTracks()[0].getSettings().deviceId;
  return view.cameras[(view.cameras.indexOf(now) + 1) % view.cameras.length];
}

function stop(view) {
  view.stream?.getTracks().forEach((track) => track.stop());
  view.stream = null;
}

function fail(view, name) {
  release(view);
  stop(view);
  view.problem.textContent = PROBLEMS[name] ?? `The camera could not be started (${name}).`;
  view.problem.hidden = false;
  view.again.hidden = name === "Insecure";
  paint(view);
  paintAnswers(view);
}

const ready = (view) => view.stream && view.video.readyState >= 2 && view.video.videoWidth > 0;

function frame(view, side, quality) {
  const { videoWidth: width, videoHeight: height } = view.video;
  const scale = Math.min(1, side / Math.min(width, height));
  view.canvas.width = Math.round(width * scale);
  view.canvas.height = Math.round(height * scale);
  view.canvas.getContext("2d").drawImage(view.video, 0, 0, view.canvas.width, view.canvas.height);
  return new Promise((resolve) => view.canvas.toBlob((blob) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.readAsDataURL(blob);
  }, "image/jpeg", quality));
}

// --- Recording ---

function press(view) {
  if (view.recording || view.sent || !ready(view) || !view.data.hold) return;
  view.recording = { id: ++view.number, frames: [] };
  view.recording.timer = setInterval(() => grab(view), RECORD_EVERY);
  grab(view);
}

function grab(view) {
  if (!ready(view)) return release(view);
  view.recording.frames.push(frame(view, RECORDED_SIDE, 0.85));
  if (view.recording.frames.length >= view.data.hold.most) return release(view);
  paint(view);
}

async function release(view) {
  const recording = view.recording;
  if (!recording) return;
  clearInterval(recording.timer);
  view.recording = null;
  view.sent = { id: recording.id, frames: [] };
  paint(view);
  view.sent.frames = await Promise.all(recording.frames);
  send(view);
}

function send(view) {
  view.sent.at = performance.now();
  view.trigger("recording", { id: view.sent.id, frames: view.sent.frames });
}

// --- Answers ---

async function ask(view) {
  const busy = view.asked || view.recording || view.sent || document.hidden;
  if (busy || performance.now() < view.notBefore || !view.data.preview || !ready(view) || view.ended) return;
  const asked = (view.asked = { id: ++view.number, at: performance.now() });
  const picture = await frame(view, ASKED_SIDE, 0.8);
  if (view.asked !== asked) return;
  if (view.sent || view.recording) view.asked = null;
  else view.trigger("frame", { id: asked.id, picture });
}

function beat(view) {
  const now = performance.now();
  if (!view.root.isConnected) return end(view);
  if (view.asked && now - view.asked.at > LOST_AFTER) view.asked = null;
  if (view.sent?.at && now - view.sent.at > SEND_AGAIN_AFTER) send(view);
  ask(view);
}

function hear(view) {
  const { answer, received } = view.data;
  if (view.sent && received === view.sent.id) view.sent = null;
  if (view.asked && answer?.id > view.last) {
    // Perhaps of a frame that had been given up: then the next one is asked about all the same.
    view.last = answer.id;
    view.notBefore = view.asked.at + (answer.rows ? ASK_EVERY : NO_MODEL_PAUSE);
    view.asked = null;
    view.heard += 1;
    setTimeout(() => ask(view), Math.max(0, view.notBefore - performance.now() + 1));
  }
}

function end(view) {
  view.ended = true;
  clearInterval(view.pulse);
  clearInterval(view.recording?.timer);
  stop(view);
}

// --- What is drawn ---

function paint(view) {
  const { hold, said } = view.data;
  const recorded = view.recording?.frames.length;
  view.picture.classList.toggle("recording", Boolean(recorded) && hold.most > 1);
  view.count.hidden = !recorded || hold.most === 1;
  view.count.textContent = recorded === 1 ? "1 picture" : `${recorded} pictures`;
  view.hold.hidden = !hold;
  view.hold.textContent = hold?.label ?? "";
  view.hold.title = hold?.label ?? "";
  view.hold.setAttribute("aria-disabled", !view.stream || Boolean(view.sent));
  view.said.textContent = view.sent ? hold.doing : said;
  view.said.hidden = !view.said.textContent;
}

function paintAnswers(view) {
  const { answer, title, note } = view.data;
  const preview = view.data.preview && view.stream;
  view.stage.classList.toggle("alone", !preview && !note);
  const nodes = [];
  if (preview) nodes.push(element("h4", "", title));
  if (preview && answer?.problem) nodes.push(element("div", "note", answer.problem));
  for (const row of (preview && answer?.rows) || []) {
    const node = element("div", row.first ? "answer first" : "answer");
    const names = element("div", "names");
    const name = element("span", "name", row.name);
    name.dir = "auto";
    name.title = row.name;
    names.append(name, element("span", "share", row.text));
    const bar = element("div", "bar");
    const length = element("div");
    length.style.width = `${100 * row.share}%`;
    if (row.colour) length.style.background = row.colour;
    bar.append(length);
    node.append(names, bar);
    nodes.push(node);
  }
  if (preview && answer?.warning) nodes.push(element("div", "warning", answer.warning));
  if (note) nodes.push(element("div", "note", note));
  view.answers.replaceChildren(...nodes);
  view.box.dataset.heard = view.heard;
}

export default function ({ parentElement, data, setTriggerValue }) {
  let view = views.get(parentElement);
  const isNew = !view || view.ended;
  if (isNew) views.set(parentElement, (view = createView(parentElement)));
  view.trigger = setTriggerValue;
  view.data = data;
  hear(view);
  paint(view);
  paintAnswers(view);
  ask(view);
  // Also called when the page only changes; the camera is let go once the component has left it.
  return () => setTimeout(() => view.root.isConnected || end(view));
}
