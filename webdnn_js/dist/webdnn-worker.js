/*! WebDNN 2.0.0 | MIT */
(() => {
'use strict';
var r=globalThis.document?.currentScript?.src??globalThis.location?.href;
})();
