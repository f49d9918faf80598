import './styles/site.css';
import { bindContinue, markWatched } from './site/continue';
import { bindHome } from './site/home';
import { bindMenus } from './site/menu';
import { keepSince } from './site/since';
import { bindTheme } from './site/theme';

bindTheme();
bindMenus();
keepSince();
bindHome();
markWatched();
void bindContinue();
