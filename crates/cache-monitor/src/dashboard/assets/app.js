const source = new EventSource("/api/live");
source.addEventListener("snapshot", (event) => {
  document.getElementById("snapshot").textContent = JSON.stringify(JSON.parse(event.data), null, 2);
});
source.onopen = () => { document.body.dataset.live = "on"; };
source.onerror = () => { document.body.dataset.live = "off"; };
