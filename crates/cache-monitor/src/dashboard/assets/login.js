// The server sends a wrong token back to this form with "?wrong".
if (new URLSearchParams(location.search).has("wrong")) {
  document.getElementById("wrong").hidden = false;
  document.getElementById("token").setAttribute("aria-describedby", "wrong");
}
