/** For pages without modules: the global `WebDNN`. */

import * as WebDNN from './index';

Object.assign(globalThis, { WebDNN });
