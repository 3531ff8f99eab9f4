// Whoever goes back gets the page as it is now, and after logging out the form: browsers keep the last
// pages as they were, and no header of ours has them forget.
addEventListener("pageshow", (shown) => { if (shown.persisted) location.reload() });
