// The server sends a wrong token back to this form with "?wrong".
document.getElementById("wrong").hidden = !new URLSearchParams(location.search).has("wrong");
