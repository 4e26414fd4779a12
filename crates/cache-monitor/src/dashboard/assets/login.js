// The server sends a wrong token back to this form with "?wrong".
const wrong = document.getElementById("wrong");
if (wrong && new URLSearchParams(location.search).has("wrong")) {
  wrong.hidden = false;
  document.getElementById("token")?.setAttribute("aria-describedby", "wrong");
}
