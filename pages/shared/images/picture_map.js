// The thumbnail of the dot below the pointer, beside it. The server is asked for one at a time;
// those that have been seen are kept here.
const views = new WeakMap();
const WAIT = 80; // milliseconds on a dot, before it is asked for
const FIND = 200; // milliseconds until the chart is looked for again

function createView(box) {
  const view = { image: box.querySelector("img"), seen: new Map(), at: null, timer: 0 };
  const listen = () => {
    const plot = document.querySelector(".st-key-map-chart .js-plotly-plot");
    if (plot?.on && plot !== view.plot) {
      view.plot = plot;
      plot.on("plotly_hover", ({ event, points }) => {
        view.at = [points[0].customdata].flat()[0];
        view.image.style.left = `${Math.min(event.clientX + 16, innerWidth - 150)}px`;
        view.image.style.top = `${Math.max(8, event.clientY - 150)}px`;
        show(view);
        clearTimeout(view.timer);
        if (!view.seen.has(view.at)) view.timer = setTimeout(() => view.ask(view.at), WAIT);
      });
      plot.on("plotly_unhover", () => {
        clearTimeout(view.timer);
        view.at = null;
        show(view);
      });
    }
    if (box.isConnected) setTimeout(listen, FIND);
  };
  listen();
  return view;
}

function show(view) {
  view.image.hidden = !view.seen.has(view.at);
  if (!view.image.hidden) view.image.src = view.seen.get(view.at);
}

export default function ({ parentElement, data, setStateValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = createView(parentElement)));
  view.ask = (digest) => setStateValue("digest", digest);
  if (data.src) view.seen.set(data.digest, data.src);
  show(view);
}
