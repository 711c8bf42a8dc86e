// Asks the server to look again after a while; waits while nobody sees the page.
const timers = new WeakMap();

function stop(root) {
  const timer = timers.get(root);
  if (!timer) return;
  clearTimeout(timer.id);
  document.removeEventListener("visibilitychange", timer.seen);
  timers.delete(root);
}

export default function ({ parentElement, data, setTriggerValue }) {
  stop(parentElement);
  const ask = () => {
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
