// A page begins at its top, and so does the keyboard.
const AGAIN_AFTER = 30000 // milliseconds

// Should the browser lose all that it shows, the page is loaded anew: the server knows the rest.
const guard = () => {
  const root = document.getElementById("root")
  const lately = Date.now() - Number(sessionStorage.getItem("tl-anew")) < AGAIN_AFTER
  if (!root || root.childElementCount || lately) return
  sessionStorage.setItem("tl-anew", Date.now())
  location.reload()
}

export default ({ data }) => {
  window.tlGuard ??= setInterval(guard, 2000)
  const before = window.tlVisit
  window.tlVisit = data.visit
  if (before === data.visit || (before === undefined && data.visit === 1)) return
  const main = document.querySelector('[data-testid="stMain"]')
  const title = main?.querySelector("h1")
  main?.scrollTo(0, 0)
  if (!title) return
  title.tabIndex = -1
  title.style.outline = "none"
  title.focus({ preventScroll: true })
}
