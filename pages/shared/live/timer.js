// Asks the server to look again after a while; waits while nobody sees the page.
//
// After a press nothing is asked until the server has drawn this anew: an answer that arrives
// while another page is coming would be drawn into a page that is gone, and nothing stays.
const HELD = 2500; // milliseconds after a press that calls for nothing
const timers = new WeakMap();
let heldUntil = 0;

const hold = () => {
  heldUntil = performance.now() + HELD;
};
for (const press of ["pointerdown", "keydown"]) document.addEventListener(press, hold, true);

function stop(root) {
  const timer = timers.get(root);
  if (!timer) return;
  clearTimeout(timer.id);
  document.removeEventListener("visibilitychange", timer.seen);
  timers.delete(root);
}

export default function ({ parentElement, data, setTriggerValue }) {
  stop(parentElement);
  heldUntil = 0;
  const ask = () => {
    const left = heldUntil - performance.now();
    if (left > 0) {
      timer.id = setTimeout(ask, left);
      return;
    }
    stop(parentElement);
    setTriggerValue("again", data.turn);
  };
  const timer = { seen: () => document.hidden || ask() };
  timer.id = setTimeout(() => {
    if (document.hidden) document.addEventListener("visibilitychange", timer.seen);
    else ask();
  }, 1000 * data.seconds);
  timers.set(parentElement, timer);
  return () => stop(parentElement);
}
